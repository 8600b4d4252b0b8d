// The whole tool as one call: a Request goes in, a smaller GGUF and a Report come out.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "quantize/error.h"
#include "quantize/gguf.h"
#include "quantize/recipe.h"
#include "quantize/tensor_type.h"

namespace quantize {

/// Everything that decides what is written. Paths are used as given (the importance matrix's
/// path is recorded in the output).
struct Request {
    std::filesystem::path input;   ///< a GGUF file, or the first shard of a split model
    std::filesystem::path output;  ///< may be empty for a dry run
    std::string recipe = "Q5_K_M";

    bool allow_requantize = false;
    bool leave_output_tensor = false;
    bool pure = false;
    bool keep_split = false;
    bool dry_run = false;
    bool overwrite = true;  ///< false: an output that exists is an error

    std::string imatrix;                       ///< path; empty for none
    std::vector<std::string> include_weights;  ///< substrings of tensor names
    std::vector<std::string> exclude_weights;

    std::optional<TensorType> output_type;
    std::optional<TensorType> token_embedding_type;
    std::vector<TypeOverride> type_overrides;
    std::vector<std::uint32_t> prune_layers;
    /// Metadata to set, in order, as --override-kv gives it.
    std::vector<std::pair<std::string, gguf::Value>> metadata_overrides;

    unsigned threads = 0;  ///< 0: as many as the machine has cores
    bool verify = false;   ///< read back and check what was written before it gets its name
    /// For tests: work is done in an order drawn from this seed; the bytes must not change.
    std::optional<std::uint64_t> shuffle_seed;
};

/// What happened to one tensor.
struct TensorReport {
    std::string name;  ///< in the output
    std::vector<std::uint64_t> shape;
    TensorType from = TensorType::F32;
    TensorType to = TensorType::F32;
    std::uint64_t bytes_from = 0;
    std::uint64_t bytes_to = 0;
    std::string reason;
    std::optional<TensorType> fallback_from;
    bool used_imatrix = false;
    /// The importance matrix was given but has no entry for this tensor that is converted.
    bool missing_imatrix = false;
};

struct Report {
    std::filesystem::path input;
    std::vector<std::filesystem::path> outputs;
    std::string recipe;
    std::vector<TensorReport> tensors;  ///< in output order
    std::uint64_t elems = 0;            ///< weights in all tensors
    std::uint64_t data_bytes_from = 0;  ///< tensor data without headers and padding
    std::uint64_t data_bytes_to = 0;
    std::uint64_t file_bytes_from = 0;  ///< whole input files
    std::uint64_t file_bytes_to = 0;    ///< whole output files
    double seconds = 0;
    unsigned threads = 1;
    std::string target;  ///< instruction set that did the work
    bool dry_run = false;
    /// A dry run only: tensors whose type needs an importance matrix that was not given.
    std::vector<std::string> tensors_in_need_of_imatrix;
    std::vector<std::string> warnings;

    double bits_per_weight_from() const { return elems ? 8.0 * data_bytes_from / elems : 0; }
    double bits_per_weight_to() const { return elems ? 8.0 * data_bytes_to / elems : 0; }
};

/// Told about the progress of a run, from one thread at a time.
class ProgressSink {
 public:
    virtual ~ProgressSink() = default;
    virtual void start(std::size_t /*tensor_count*/, std::uint64_t /*total_bytes_from*/) {}
    /// Bytes of source data done so far, and tensors completed so far.
    virtual void advance(std::uint64_t /*bytes_from*/, std::size_t /*tensors_done*/) {}
    virtual void finish() {}
};

/// Runs a request. Throws Error; then no output file has appeared and older ones are untouched.
/// `stop` may be set from a signal handler or another thread to end the run early with an Error
/// of kind interrupted.
Report run(const Request& request, ProgressSink& progress, const std::atomic<bool>& stop);
Report run(const Request& request);

/// One GGUF file's name, size and header.
struct FileHeader {
    std::filesystem::path path;
    std::uint64_t file_bytes = 0;
    gguf::Document document;
};

/// The header of the file, or those of every shard when it is the first of a split model.
std::vector<FileHeader> read_headers(const std::filesystem::path& file);

/// What to check of a file that is already there.
struct VerifyRequest {
    std::filesystem::path file;
    std::filesystem::path against;  ///< the model it was made from; empty for none
    /// Largest relative error (root mean square of the difference over that of the source) that
    /// a tensor may have. The default catches wrong data, not coarse types.
    double threshold = 0.9;
    unsigned threads = 0;
};

struct TensorVerification {
    std::string name;
    TensorType type = TensorType::F32;
    std::uint64_t elems = 0;
    bool compared = false;      ///< the source has the tensor, and both can be decoded
    double rms_error = 0;       ///< root mean square of the difference
    double relative_error = 0;  ///< over the root mean square of the source
    double largest_error = 0;
    bool failed = false;  ///< over the threshold
};

struct VerifyReport {
    std::vector<TensorVerification> tensors;
    std::uint64_t bytes = 0;  ///< tensor data read
    double seconds = 0;
    std::size_t failures = 0;
    /// Tensors of the source that the file lacks.
    std::vector<std::string> missing;
    bool sound() const { return failures == 0 && missing.empty(); }
};

/// Reads a model completely: structure, offsets, padding, every block's scales, every row.
/// Throws Error for what makes the file unusable; what exceeds the threshold is in the report.
VerifyReport verify(const VerifyRequest& request, ProgressSink& progress,
                    const std::atomic<bool>& stop);

/// Makes SIGINT, SIGTERM and SIGHUP set a flag from now on, and returns that flag, to be given to
/// run() and verify(). The number of the signal that came, or 0, is in `last_signal()`.
const std::atomic<bool>& stop_on_signals();
int last_signal();

/// "1.2.3"
const char* version();
/// Name of the instruction set that kernels run on ("AVX2", ...; "scalar").
std::string active_target();
/// The targets that this machine can run, best first.
std::vector<std::string> available_targets();
/// Pins the instruction set by name; throws Error for one that this machine cannot run.
void pin_target(const std::string& name);

}  // namespace quantize
