// The files of a run that are read together, whether the run goes on, has crashed or has been collected.
#pragma once

#include "store/catalog.hpp"
#include "store/collect.hpp"
#include "store/journal.hpp"
#include "store/results_file.hpp"
#include "store/segment_list.hpp"
#include "store/source_pool.hpp"

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace penstock {

class RunSources {
public:
    // `run`: X.h5 or X.h5.run.
    explicit RunSources(const std::filesystem::path& run, const Renumbering* renumbering = nullptr);

    // Lists the files, then calls use(sources, catalog). A file that vanished meanwhile (segments are merged all the
    // time) or turns out to be damaged starts it all again, without the damaged one. Throws StoreError when the run is
    // not there.
    template <class Use>
    void read(bool with_attempts, Use use) {
        for (;;) {
            list();
            try {
                SourcePool sources(paths());
                Catalog catalog = read_catalog(sources, with_attempts, renumbering_);
                use(std::move(sources), std::move(catalog));
                return;
            } catch (const SourceFailed& failure) {
                leave_out(failure);
            }
        }
    }

    // What was left out or is missing, as read() found it; a sentence each.
    std::vector<std::string> warnings() const;
    std::vector<CollectReport::Damaged> damaged() const { return damage_; }
    // The last launch of which some segment is damaged or missing, now or when an earlier one looked; 0 = there is
    // none.
    std::uint32_t last_loss() const;
    const std::vector<SegmentList::File>& segments() const { return list_.files; }
    const std::filesystem::path& directory() const { return directory_; }
    const std::filesystem::path& segments_folder() const { return folder_; }  // as read() found it
    // From the journal, else from the results file.
    RunDescription description();

private:
    void list();
    void read_rules();
    std::vector<std::filesystem::path> paths() const;
    void leave_out(const SourceFailed& failure);

    std::filesystem::path directory_;
    std::filesystem::path results_;
    std::filesystem::path folder_;  // of segments
    SegmentRules rules_;
    std::uint64_t rules_bytes_ = 0;  // of the journal they were read from
    const Renumbering* renumbering_;
    bool has_results_ = false;
    SegmentList list_;
    std::set<std::filesystem::path> damaged_;
    std::vector<CollectReport::Damaged> damage_;
    std::vector<std::string> warnings_;
    int restarts_ = 0;
};

}  // namespace penstock
