#include "report/role_text.hpp"

#include "report/text.hpp"

namespace penstock {

std::string roles_text(const std::vector<RoleLine>& roles) {
    using Align = TextTable::Align;
    TextTable table({{"role"}, {"rank", Align::right}, {"host"}, {"process"}, {"slots", Align::right}});
    for (const RoleLine& line : roles) {
        table.add({line.role, std::to_string(line.rank), printable(line.host), "pid " + std::to_string(line.pid),
                   line.slots > 0 ? counted(line.slots, "slot") : ""});
    }
    return table.render("", false);
}

}  // namespace penstock
