// Downloader: one page by HTTP, with libcurl.
//
// Needs `url`. Makes `html` (the page as UTF-8 text), `final_url` (where it was found, after redirects) and `bytes`
// (its size as received). Parameters: `timeout_s` (60), `max_bytes` (16 MiB), `redirects` (10). Fails on anything but a
// 2xx status, on a page that is too large, and on what is no http or https URL; the error names URL and reason.
#pragma once

#include <penstock/worker.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace web {

class Downloader : public penstock::Worker {
public:
    static constexpr std::string_view kName = "Downloader";
    static penstock::Keys needs() { return {"url"}; }
    static penstock::Keys makes() { return {"html", "final_url", "bytes"}; }
    static std::vector<std::string> check(const penstock::Document& with);

    Downloader();
    ~Downloader() override;
    penstock::Document process(const penstock::Document& in, penstock::Context& context) override;

private:
    struct Connection;  // kept from job to job, so that a server is asked over one connection
    std::unique_ptr<Connection> connection_;
};

// `bytes` as UTF-8: as they are when they are UTF-8, else from `charset` ("" = windows-1252, what browsers assume).
std::string to_utf8(const std::string& bytes, const std::string& charset);

// The charset of a Content-Type such as "text/html; charset=ISO-8859-1"; "" when it has none.
std::string charset_of(std::string_view content_type);

}  // namespace web
