#include "mpi/wire.hpp"

#include "mpi/serialize_messages.hpp"

#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>

#include <algorithm>
#include <numeric>
#include <streambuf>

namespace penstock {

namespace {

constexpr std::size_t kBesidesItems = 64;  // of a message with items
constexpr std::size_t kMostKept = 4;       // times what items need that share their frame
constexpr unsigned kArchiveFlags = boost::archive::no_header | boost::archive::no_codecvt;

class AppendBuffer final : public std::streambuf {
public:
    std::vector<char> bytes;

    // For so many more, at once: a growing vector copies what it has again and again.
    void make_room(std::size_t more) {
        if (bytes.capacity() < bytes.size() + more) bytes.reserve(std::max(bytes.size() + more, 2 * bytes.capacity()));
    }

protected:
    std::streamsize xsputn(const char* s, std::streamsize n) override {
        bytes.insert(bytes.end(), s, s + n);
        return n;
    }
    int_type overflow(int_type c) override {
        if (c != traits_type::eof()) bytes.push_back(static_cast<char>(c));
        return c;
    }
};

class ViewBuffer final : public std::streambuf {
public:
    void look_at(std::span<const char> bytes) {
        char* begin = const_cast<char*>(bytes.data());
        setg(begin, begin, begin + bytes.size());
    }
    bool at_end() const { return gptr() == egptr(); }
    // The next so many, where they lie.
    std::span<const char> take(std::size_t count) {
        if (count > static_cast<std::size_t>(egptr() - gptr())) throw WireError("a frame that ends too early");
        const std::span<const char> taken(gptr(), count);
        setg(eback(), gptr() + count, egptr());
        return taken;
    }
};

// Plan blocks need the plan they belong to: whoever reads gives it.
template <class Archive>
void block(Archive& ar, msg::PlanBlock& m, Plan& plan) {
    if (m.with_header) plan_header(ar, plan);
    if (m.first > m.last || m.last > plan.templates.size()) throw WireError("a plan block beyond its plan");
    plan_block(ar, plan, m.first, m.last);
}

// What is known of a plan stays as it is, for jobs of it may run; of a block that cannot be, nothing is kept.
void read_block(boost::archive::binary_iarchive& ar, msg::PlanBlock& m, std::shared_ptr<Plan>& known) {
    if (known != nullptr && m.with_header) throw WireError("a plan that is known already");
    const auto plan = known != nullptr ? known : std::make_shared<Plan>();
    std::vector<JobTemplate> before;
    if (known != nullptr && m.first <= m.last && m.last <= known->templates.size())
        before.assign(known->templates.begin() + m.first, known->templates.begin() + m.last);
    for (const JobTemplate& t : before)
        if (!t.worker.empty()) throw WireError("jobs of a plan that are known already");
    try {
        block(ar, m, *plan);
        if (m.with_header) check_header(*plan);
        check_block(*plan, m.first, m.last);
    } catch (...) {
        if (!before.empty()) std::move(before.begin(), before.end(), plan->templates.begin() + m.first);
        throw;
    }
    known = plan;
    m.plan = plan;
}

// Calls `use` with a default-made alternative number `index` of the variant.
template <class Variant, std::size_t I = 0, class Use>
void with_alternative(std::size_t index, const Use& use) {
    if constexpr (I < std::variant_size_v<Variant>) {
        if (index == I)
            use(std::variant_alternative_t<I, Variant>{});
        else
            with_alternative<Variant, I + 1>(index, use);
    } else {
        throw WireError("a message of unknown kind " + std::to_string(index));
    }
}

}  // namespace

// ------------------------------------------------------------------------------------------ writing

struct FrameWriter::State {
    // An archive makes a std::locale of its own, which takes longer than a small frame: one archive for all frames.
    AppendBuffer buffer;
    boost::archive::binary_oarchive archive{static_cast<std::streambuf&>(buffer), kArchiveFlags};
    std::vector<SharedBytes> payloads, taken;

    void items(const StreamItems& items) {
        const std::span<const std::byte> bytes = items.bytes.span();
        bool beside = bytes.size() >= kLeastPayload;
        buffer.make_room((beside ? 0 : bytes.size()) + items.sizes.size() * sizeof(std::uint32_t) + kBesidesItems);
        plain_vector(archive, const_cast<std::vector<std::uint32_t>&>(items.sizes));
        flag(archive, beside);
        const std::uint64_t size = bytes.size();
        archive << size;
        if (beside)
            payloads.push_back(items.bytes);
        else
            archive.save_binary(bytes.data(), bytes.size());
    }
};

FrameWriter::FrameWriter() : state_(std::make_unique<State>()) {}
FrameWriter::~FrameWriter() = default;
FrameWriter::FrameWriter(FrameWriter&&) noexcept = default;

bool FrameWriter::empty() const { return state_->buffer.bytes.empty(); }
std::size_t FrameWriter::size() const { return state_->buffer.bytes.size(); }

void FrameWriter::add(const Message& message) {
    boost::archive::binary_oarchive& ar = state_->archive;
    if (empty()) ar << kWireVersion;
    std::visit(
        [&](const auto& inbox) {
            const auto role = static_cast<std::uint8_t>(message.index());
            const auto kind = static_cast<std::uint8_t>(inbox.index());
            ar << role << kind;
            std::visit(
                [&]<class M>(const M& m) {
                    M& mutable_m = const_cast<M&>(m);  // one function reads and writes; writing changes nothing
                    if constexpr (std::is_same_v<M, msg::PlanBlock>) {
                        ar << m.id.value << m.first << m.last;
                        flag(ar, mutable_m.with_header);
                        block(ar, mutable_m, const_cast<Plan&>(*m.plan));
                    } else {
                        fields(ar, mutable_m);
                        if constexpr (std::is_same_v<M, msg::StreamItems>) state_->items(*m.items);
                    }
                },
                inbox);
        },
        message);
}

std::vector<char> FrameWriter::take(std::vector<char> recycled) {
    recycled.clear();
    state_->taken = std::exchange(state_->payloads, {});
    return std::exchange(state_->buffer.bytes, std::move(recycled));
}

std::vector<SharedBytes> FrameWriter::take_payloads() { return std::exchange(state_->taken, {}); }

// ------------------------------------------------------------------------------------------ reading

struct FrameReader::State {
    ViewBuffer buffer;
    boost::archive::binary_iarchive archive{static_cast<std::streambuf&>(buffer), kArchiveFlags};
    std::vector<std::span<std::byte>> payloads;

    StreamItemsPtr items(const std::shared_ptr<const void>& owner) {
        auto items = std::make_shared<StreamItems>();
        plain_vector(archive, items->sizes);
        bool beside = false;
        flag(archive, beside);
        std::uint64_t size = 0;
        archive >> size;
        if (std::accumulate(items->sizes.begin(), items->sizes.end(), std::uint64_t{0}) != size)
            throw WireError("items that are not as long as they say");
        if (beside && size > kMostPayload) throw WireError("a payload of " + std::to_string(size) + " bytes");
        if (beside || owner == nullptr || size < bytes_of_frame / kMostKept) {
            BytesWriter copy;
            std::byte* const to = copy.extend(beside ? size : checked_count(size, 1));
            if (beside)
                payloads.emplace_back(to, size);
            else
                archive.load_binary(to, size);
            items->bytes = copy.take();
        } else {
            items->bytes = {owner, std::as_bytes(buffer.take(checked_count(size, 1)))};
        }
        return items;
    }
};

FrameReader::FrameReader() : state_(std::make_unique<State>()) {}
FrameReader::~FrameReader() = default;
FrameReader::FrameReader(FrameReader&&) noexcept = default;

void FrameReader::read(std::span<const char> frame, std::uint32_t from, std::uint32_t self, std::vector<Envelope>& out,
                       const std::shared_ptr<const void>& owner) {
    bytes_of_frame = frame.size();
    state_->payloads.clear();
    try {
        ViewBuffer& buffer = state_->buffer;
        boost::archive::binary_iarchive& ar = state_->archive;
        buffer.look_at(frame);
        std::uint32_t version = 0;
        ar >> version;
        if (version != kWireVersion)
            throw WireError("messages of version " + std::to_string(version) + " where this program speaks " +
                            std::to_string(kWireVersion) + ": all ranks must run the same build");
        while (!buffer.at_end()) {
            std::uint8_t role = 0, kind = 0;
            ar >> role >> kind;
            with_alternative<Message>(role, [&]<class Inbox>(Inbox) {
                with_alternative<Inbox>(kind, [&]<class M>(M m) {
                    if constexpr (std::is_same_v<M, msg::PlanBlock>) {
                        ar >> m.id.value >> m.first >> m.last;
                        flag(ar, m.with_header);
                        std::shared_ptr<Plan> plan = plans_.contains(m.id) ? plans_.at(m.id) : nullptr;
                        read_block(ar, m, plan);
                        plans_[m.id] = plan;
                    } else {
                        fields(ar, m);
                        if constexpr (std::is_same_v<M, msg::StreamItems>) m.items = state_->items(owner);
                    }
                    if constexpr (std::is_same_v<M, msg::ForgetPlan>) plans_.erase(m.plan);
                    out.push_back({from, self, Message(Inbox(std::move(m)))});
                });
            });
        }
    } catch (const WireError&) {
        throw;
    } catch (const std::exception& e) {
        throw WireError(std::string("a frame that cannot be read: ") + e.what());
    }
}

std::vector<std::span<std::byte>> FrameReader::take_payloads() { return std::exchange(state_->payloads, {}); }

}  // namespace penstock
