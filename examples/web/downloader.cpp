#include "downloader.hpp"

#include <curl/curl.h>
#include <iconv.h>
#include <strings.h>
#include <utf8proc.h>

#include <array>
#include <cstdlib>
#include <stdexcept>

namespace web {

using penstock::Context;
using penstock::Document;
using penstock::Value;

namespace {

double number_or(const Document& with, std::string_view name, double fallback) {
    const auto found = with.find(name);
    return found == with.end() ? fallback : found->second.number();
}

struct Transfer {
    Context* context = nullptr;
    std::string body;
    std::size_t max_bytes = 0;
    bool too_large = false;
};

std::size_t receive(char* data, std::size_t size, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    if (transfer.body.size() + size * count > transfer.max_bytes) {
        transfer.too_large = true;
        return 0;  // ends the transfer
    }
    transfer.body.append(data, size * count);
    return size * count;
}

int on_progress(void* user, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
    auto& transfer = *static_cast<Transfer*>(user);
    if (total > 0) transfer.context->progress(static_cast<double>(now) / static_cast<double>(total));
    return transfer.context->cancelled() ? 1 : 0;
}

// Loopback addresses are never asked through a proxy, whatever the environment says.
std::string hosts_without_proxy() {
    std::string hosts = "localhost,127.0.0.1,::1";
    if (const char* others = std::getenv("no_proxy")) hosts += "," + std::string(others);
    return hosts;
}

bool is_utf8(const std::string& text) {
    const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    auto left = static_cast<utf8proc_ssize_t>(text.size());
    while (left > 0) {
        utf8proc_int32_t letter = 0;
        const auto length = utf8proc_iterate(at, left, &letter);
        if (length < 0) return false;
        at += length;
        left -= length;
    }
    return true;
}

}  // namespace

struct Downloader::Connection {
    CURL* handle = curl_easy_init();
    std::array<char, CURL_ERROR_SIZE> error{};
    std::string no_proxy = hosts_without_proxy();

    ~Connection() { curl_easy_cleanup(handle); }

    void prepare(const std::string& url, const Document& with, Transfer& transfer) {
        curl_easy_reset(handle);  // options only: live connections stay
        error[0] = '\0';
        curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
        curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(handle, CURLOPT_MAXREDIRS, static_cast<long>(number_or(with, "redirects", 10)));
        curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(1000 * number_or(with, "timeout_s", 60)));
        curl_easy_setopt(handle, CURLOPT_NOPROXY, no_proxy.c_str());
        curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "");
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error.data());
        curl_easy_setopt(handle, CURLOPT_USERAGENT, "penstock-web");
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
        curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
        curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
    }

    std::string text_of(CURLINFO what) const {
        char* text = nullptr;
        curl_easy_getinfo(handle, what, &text);
        return text ? text : "";
    }
    long status() const {
        long code = 0;
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
        return code;
    }
};

Downloader::Downloader() : connection_(std::make_unique<Connection>()) {
    if (!connection_->handle) throw std::runtime_error("libcurl does not start: curl_easy_init() failed");
}

Downloader::~Downloader() = default;

std::vector<std::string> Downloader::check(const Document& with) {
    std::vector<std::string> problems;
    for (const auto& [name, value] : with) {
        if (name != "timeout_s" && name != "max_bytes" && name != "redirects" && name != "url")
            problems.push_back("Downloader has no parameter `" + name +
                               "`: timeout_s, max_bytes, redirects and url are known");
        else if (name != "url" && (!value.is_number() || value.number() < 0))
            problems.push_back("`" + name + "` of Downloader is a number, not negative");
    }
    return problems;
}

Document Downloader::process(const Document& in, Context& context) {
    const std::string url = at(in, "url").string();
    Transfer transfer;
    transfer.context = &context;
    transfer.max_bytes = static_cast<std::size_t>(number_or(context.parameters(), "max_bytes", 16 << 20));
    connection_->prepare(url, context.parameters(), transfer);

    const CURLcode code = curl_easy_perform(connection_->handle);
    const std::string final_url = connection_->text_of(CURLINFO_EFFECTIVE_URL);
    const std::string where = final_url.empty() || final_url == url ? url : url + " (redirected to " + final_url + ")";
    if (transfer.too_large)
        throw std::runtime_error("cannot download " + where + ": it is larger than max_bytes, " +
                                 std::to_string(transfer.max_bytes) + "; raise it under `with:` if that is meant");
    if (code == CURLE_ABORTED_BY_CALLBACK) throw std::runtime_error("the download of " + where + " was cancelled");
    if (code != CURLE_OK) {
        const char* reason = connection_->error[0] ? connection_->error.data() : curl_easy_strerror(code);
        throw std::runtime_error("cannot download " + where + ": " + reason);
    }
    if (const long status = connection_->status(); status < 200 || status >= 300)
        throw std::runtime_error("cannot download " + where + ": the server answered with HTTP status " +
                                 std::to_string(status));

    const auto bytes = transfer.body.size();
    return {{"html", to_utf8(transfer.body, charset_of(connection_->text_of(CURLINFO_CONTENT_TYPE)))},
            {"final_url", final_url},
            {"bytes", bytes}};
}

std::string charset_of(std::string_view content_type) {
    constexpr std::string_view kName = "charset=";
    for (std::size_t i = 0; i + kName.size() <= content_type.size(); ++i) {
        if (::strncasecmp(content_type.data() + i, kName.data(), kName.size()) != 0) continue;
        auto charset = content_type.substr(i + kName.size());
        charset = charset.substr(0, charset.find_first_of("; \t"));
        if (charset.size() >= 2 && charset.front() == '"' && charset.back() == '"')
            charset = charset.substr(1, charset.size() - 2);
        return std::string(charset);
    }
    return "";
}

std::string to_utf8(const std::string& bytes, const std::string& charset) {
    if (is_utf8(bytes)) return bytes;
    iconv_t converter = ::iconv_open("UTF-8", charset.empty() ? "WINDOWS-1252" : charset.c_str());
    // A charset nobody knows, or one the page does not keep to: windows-1252 has a letter for nearly every byte.
    if (converter == reinterpret_cast<iconv_t>(-1)) converter = ::iconv_open("UTF-8", "WINDOWS-1252");
    if (converter == reinterpret_cast<iconv_t>(-1))
        throw std::runtime_error("this system has no character conversion (iconv): install libc's gconv modules");

    std::string text(bytes.size() * 4 + 16, '\0');  // no charset needs more than four bytes of UTF-8 for one of its own
    char* from = const_cast<char*>(bytes.data());
    std::size_t from_left = bytes.size();
    char* to = text.data();
    std::size_t to_left = text.size();
    while (from_left > 0 && ::iconv(converter, &from, &from_left, &to, &to_left) == static_cast<std::size_t>(-1)) {
        if (from_left == 0 || to_left < 3) break;
        for (const char byte : {'\xef', '\xbf', '\xbd'}) *to++ = byte;  // U+FFFD for what is not of the charset
        to_left -= 3;
        ++from;
        --from_left;
    }
    ::iconv_close(converter);
    text.resize(text.size() - to_left);
    return text;
}

}  // namespace web
