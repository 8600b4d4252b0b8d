// Reads a model completely and, when asked, compares it with the one it was made from.
#include <chrono>
#include <cmath>
#include <vector>

#include "kernels/rows.h"
#include "model/source.h"
#include "model/structure.h"
#include "pipeline/chunks.h"
#include "pipeline/convert.h"
#include "pipeline/progress_meter.h"
#include "pipeline/scratch.h"
#include "pipeline/workers.h"
#include "quantize/error.h"
#include "quantize/format.h"
#include "quantize/quantize.h"

namespace quantize {
namespace {

using kernels::ErrorSums;
using model::SourceTensor;
using model::TensorSource;
using namespace pipeline;

bool can_decode(TensorType type) {
    const Format* format = find_format(type);
    return format != nullptr && format->decode != nullptr;
}

class Verifier {
 public:
    Verifier(const TensorSource& model, const TensorSource* original, ProgressSink& progress)
        : model_(model),
          original_(original),
          partners_(find_partners()),
          chunks_(divisibles()),
          meter_(progress, chunks_, model.tensors().size()),
          sums_(original == nullptr ? 0 : chunks_.size()) {}

    VerifyReport run(unsigned threads, double threshold, const std::atomic<bool>& stop) {
        model::check_structure(model_);
        run_pieces(threads, chunks_.size(), stop, [&](std::uint64_t number) { read(number); });
        return report(threshold);
    }

 private:
    std::vector<const SourceTensor*> find_partners() const {
        std::vector<const SourceTensor*> partners(model_.tensors().size());
        if (original_ == nullptr) return partners;
        for (std::size_t i = 0; i < partners.size(); ++i) {
            const gguf::TensorInfo& info = model_.tensors()[i].info;
            const SourceTensor* partner = original_->find(info.name);
            if (partner == nullptr || !can_decode(info.type) || !can_decode(partner->info.type)) {
                continue;
            }
            if (partner->info.shape != info.shape) {
                throw Error("has another shape than in the source")
                    .at(tensor_item(info.name))
                    .in_file(path_of(model_, model_.tensors()[i]));
            }
            partners[i] = partner;
        }
        return partners;
    }

    std::vector<Divisible> divisibles() const {
        std::vector<Divisible> result;
        for (std::size_t i = 0; i < partners_.size(); ++i) {
            const gguf::TensorInfo& info = model_.tensors()[i].info;
            const TensorType other = partners_[i] ? partners_[i]->info.type : info.type;
            result.push_back(divisible(info, other, false));
        }
        return result;
    }

    static std::string path_of(const TensorSource& model, const SourceTensor& tensor) {
        return model.files()[tensor.shard].path().string();
    }

    void read(std::uint64_t number) {
        thread_local Scratch scratch;
        const Chunk chunk = chunks_[number];
        const SourceTensor& tensor = model_.tensors()[chunk.tensor];
        const auto values = decode(model_, tensor, chunk, scratch, scratch.values);
        if (partners_[chunk.tensor] != nullptr) {
            const auto wanted =
                decode(*original_, *partners_[chunk.tensor], chunk, scratch, scratch.decoded);
            sums_[number] = kernels::error_sums(wanted.data(), values.data(),
                                                static_cast<std::int64_t>(values.size()));
        }
        meter_.done(chunk.tensor, bytes_of(tensor.info.type, chunk.elems()));
    }

    /// The chunk's values, checked; nothing for a type that holds no weights.
    static std::span<const float> decode(const TensorSource& model, const SourceTensor& tensor,
                                         const Chunk& chunk, Scratch& scratch,
                                         Buffer<float>& buffer) {
        const gguf::TensorInfo& info = tensor.info;
        const auto bytes = scratch.input.take(bytes_of(info.type, chunk.elems()));
        model.read(tensor, bytes_of(info.type, chunk.begin), bytes);
        if (!can_decode(info.type)) return {};
        try {
            check_blocks(info, chunk.begin, bytes);
            const auto values = buffer.take(chunk.elems());
            decode_checked(info, chunk.begin, bytes, values);
            return values;
        } catch (const Error& error) {
            throw error.at(tensor_item(info.name)).in_file(path_of(model, tensor));
        }
    }

    VerifyReport report(double threshold) const {
        VerifyReport report;
        std::uint64_t number = 0;
        for (std::size_t i = 0; i < partners_.size(); ++i) {
            const gguf::TensorInfo& info = model_.tensors()[i].info;
            TensorVerification tensor;
            tensor.name = info.name;
            tensor.type = info.type;
            tensor.elems = info.elems();
            tensor.compared = partners_[i] != nullptr;
            // In the order of rows, whichever thread did them: the sums are the same in each run.
            ErrorSums total;
            for (std::uint64_t end = number + chunks_.chunks_of(i); number < end; ++number) {
                if (tensor.compared) total += sums_[number];
            }
            if (tensor.compared) rate(tensor, total, threshold);
            report.failures += tensor.failed ? 1 : 0;
            report.bytes += info.bytes();
            report.tensors.push_back(std::move(tensor));
        }
        if (original_ == nullptr) return report;
        for (const SourceTensor& tensor : original_->tensors()) {
            if (model_.find(tensor.info.name) == nullptr)
                report.missing.push_back(tensor.info.name);
        }
        return report;
    }

    static void rate(TensorVerification& tensor, const ErrorSums& sums, double threshold) {
        const double elems = static_cast<double>(std::max<std::uint64_t>(tensor.elems, 1));
        tensor.rms_error = std::sqrt(sums.squared_error / elems);
        tensor.largest_error = sums.max_abs_error;
        // Against zeros any error is infinitely large, and none is none.
        tensor.relative_error =
            sums.squared_error == 0 ? 0 : std::sqrt(sums.squared_error / sums.squared_value);
        tensor.failed = !(tensor.relative_error <= threshold);
    }

    const TensorSource& model_;
    const TensorSource* original_;
    const std::vector<const SourceTensor*> partners_;  ///< in the original; null for none
    const ChunkList chunks_;
    ProgressMeter meter_;
    std::vector<ErrorSums> sums_;  ///< of each chunk
};

}  // namespace

VerifyReport verify(const VerifyRequest& request, ProgressSink& progress,
                    const std::atomic<bool>& stop) {
    const auto start = std::chrono::steady_clock::now();
    const TensorSource model(request.file);
    std::optional<TensorSource> original;
    if (!request.against.empty()) original.emplace(request.against);
    progress.start(model.tensors().size(), model.data_bytes());
    Verifier verifier(model, original ? &*original : nullptr, progress);
    VerifyReport report = verifier.run(thread_count(request.threads), request.threshold, stop);
    progress.finish();
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace quantize
