// Workers take chunks: read, convert, write. Nothing waits for anything else, so that reading,
// computing and writing of different threads overlap.
#include "pipeline/executor.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "pipeline/chunks.h"
#include "pipeline/convert.h"
#include "pipeline/progress_meter.h"
#include "pipeline/scratch.h"
#include "pipeline/workers.h"
#include "quantize/error.h"

namespace quantize::pipeline {
namespace {

/// How far ahead of the chunk at hand the system is asked to read.
constexpr std::uint64_t readahead_bytes = std::uint64_t{8} << 20;

/// The importance weights of one tensor, in memory only while chunks of it are being worked on.
class LazyWeights {
 public:
    std::shared_ptr<const std::vector<float>> get(const model::ImportanceMatrix& imatrix,
                                                  const gguf::TensorInfo& info) {
        const std::lock_guard lock(mutex_);
        if (!weights_) {
            weights_ =
                std::make_shared<const std::vector<float>>(imatrix.weights(info.name, info.shape));
        }
        return weights_;
    }
    void drop() {
        const std::lock_guard lock(mutex_);
        weights_.reset();
    }

 private:
    std::mutex mutex_;
    std::shared_ptr<const std::vector<float>> weights_;
};

/// A hash to tell whether bytes read back are those written; no defence against intent.
std::uint64_t fingerprint(std::span<const std::byte> bytes) {
    std::uint64_t hash = bytes.size();
    const auto mix = [&hash](std::uint64_t word) {
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    };
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::copy_n(bytes.data() + at, 8, reinterpret_cast<std::byte*>(&word));
        mix(word);
    }
    std::uint64_t tail = 0;
    std::copy_n(bytes.data() + at, bytes.size() - at, reinterpret_cast<std::byte*>(&tail));
    mix(tail);
    return hash;
}

std::vector<Divisible> divisibles(const Plan& plan) {
    std::vector<Divisible> result;
    for (const TensorPlan& tensor : plan.tensors) {
        result.push_back(divisible(tensor.source->info, tensor.to, tensor.use_weights));
    }
    return result;
}

class Executor {
 public:
    Executor(const Plan& plan, const model::TensorSource& source,
             const model::ImportanceMatrix& imatrix,
             const std::vector<std::unique_ptr<io::OutputFile>>& files,
             const ExecutorOptions& options, ProgressSink& progress)
        : plan_(plan),
          source_(source),
          imatrix_(imatrix),
          files_(files),
          chunks_(divisibles(plan)),
          meter_(progress, chunks_, plan.tensors.size()),
          weights_(plan.tensors.size()),
          fingerprints_(options.verify ? chunks_.size() : 0) {}

    void write(const ExecutorOptions& options, const std::atomic<bool>& stop) {
        for (std::size_t i = 0; i < files_.size(); ++i) {
            files_[i]->write_at(0, std::as_bytes(std::span(plan_.outputs[i].header)));
        }
        const ChunkOrder order(chunks_.size(), options.shuffle_seed);
        run_pieces(options.threads, chunks_.size(), stop,
                   [&](std::uint64_t number) { write_chunk(order(number)); });
    }

    std::vector<std::string> warnings() const {
        std::vector<std::string> result;
        for (const auto& [tensor, elem] : lost_) {
            const TensorPlan& plan = plan_.tensors[tensor];
            result.push_back(tensor_item(plan.name) + ": the value at " +
                             place_of(plan.source->info, elem) + " is too large for " +
                             std::string(type_name(plan.to)) +
                             " and was written as nearly zero, as llama-quantize does; choose "
                             "another type, such as BF16");
        }
        return result;
    }

    void read_back(const ExecutorOptions& options, const std::atomic<bool>& stop) const {
        for (std::size_t i = 0; i < files_.size(); ++i) {
            std::string header(plan_.outputs[i].header.size(), '\0');
            files_[i]->read_at(0, std::as_writable_bytes(std::span(header)));
            if (header != plan_.outputs[i].header) throw_read_back(i, "header");
        }
        run_pieces(options.threads, chunks_.size(), stop,
                   [&](std::uint64_t number) { compare_chunk(number); });
    }

 private:
    void write_chunk(std::uint64_t number) {
        thread_local Scratch scratch;
        const Chunk chunk = chunks_[number];
        const TensorPlan& tensor = plan_.tensors[chunk.tensor];
        const gguf::TensorInfo& info = tensor.source->info;
        const std::uint64_t from = bytes_of(info.type, chunk.begin);
        const auto input = scratch.input.take(bytes_of(info.type, chunk.elems()));
        source_.read(*tensor.source, from, input);
        prefetch(tensor, from + input.size());
        std::span<const std::byte> result = input;
        try {
            if (tensor.converts()) {
                result = encode(tensor, chunk, input, scratch);
            } else {
                convert({&info, tensor.to, nullptr}, chunk, input, {}, scratch);
            }
        } catch (const Error& error) {
            throw error.at(tensor_item(info.name))
                .in_file(source_.files()[tensor.source->shard].path().string());
        }
        files_[tensor.output]->write_at(tensor.file_offset + bytes_of(tensor.to, chunk.begin),
                                        result);
        if (!fingerprints_.empty()) fingerprints_[number] = fingerprint(result);
        if (meter_.done(chunk.tensor, input.size())) weights_[chunk.tensor].drop();
    }

    void note_lost(std::size_t tensor, std::uint64_t elem) {
        const std::lock_guard lock(lost_mutex_);
        const auto [entry, is_new] = lost_.try_emplace(tensor, elem);
        if (!is_new) entry->second = std::min(entry->second, elem);
    }

    std::span<const std::byte> encode(const TensorPlan& tensor, const Chunk& chunk,
                                      std::span<std::byte> input, Scratch& scratch) {
        const gguf::TensorInfo& info = tensor.source->info;
        const auto weights =
            tensor.use_weights ? weights_[chunk.tensor].get(imatrix_, info) : nullptr;
        const auto output = converts_in_place(info.type, tensor.to)
                                ? input
                                : scratch.output.take(bytes_of(tensor.to, chunk.elems()));
        const auto lost = convert({&info, tensor.to, weights ? weights->data() : nullptr}, chunk,
                                  input, output, scratch);
        if (lost) note_lost(chunk.tensor, *lost);
        return output;
    }

    /// Asks for what comes a while after `offset`, once for each stretch of that length.
    void prefetch(const TensorPlan& tensor, std::uint64_t offset) const {
        const std::uint64_t bytes = tensor.source->info.bytes();
        if (offset / readahead_bytes == (offset - 1) / readahead_bytes && offset != bytes) return;
        const std::uint64_t ahead = (offset / readahead_bytes + 1) * readahead_bytes;
        if (ahead < bytes) {
            source_.will_need(*tensor.source, ahead, std::min(readahead_bytes, bytes - ahead));
        }
    }

    void compare_chunk(std::uint64_t number) const {
        thread_local Scratch scratch;
        const Chunk chunk = chunks_[number];
        const TensorPlan& tensor = plan_.tensors[chunk.tensor];
        const auto bytes = scratch.output.take(bytes_of(tensor.to, chunk.elems()));
        files_[tensor.output]->read_at(tensor.file_offset + bytes_of(tensor.to, chunk.begin),
                                       bytes);
        if (fingerprint(bytes) != fingerprints_[number]) {
            throw_read_back(tensor.output, tensor_item(tensor.name));
        }
    }

    [[noreturn]] void throw_read_back(std::size_t output, const std::string& what) const {
        throw Error("reads back otherwise than it was written; check the disk")
            .at(what)
            .in_file(plan_.outputs[output].path.string());
    }

    const Plan& plan_;
    const model::TensorSource& source_;
    const model::ImportanceMatrix& imatrix_;
    const std::vector<std::unique_ptr<io::OutputFile>>& files_;
    const ChunkList chunks_;
    ProgressMeter meter_;
    std::vector<LazyWeights> weights_;
    std::vector<std::uint64_t> fingerprints_;  ///< of each chunk, when verifying
    std::mutex lost_mutex_;
    std::map<std::size_t, std::uint64_t> lost_;  ///< tensor to the first weight that was lost
};

}  // namespace

std::vector<std::string> execute(const Plan& plan, const model::TensorSource& source,
                                 const model::ImportanceMatrix& imatrix,
                                 const std::vector<std::unique_ptr<io::OutputFile>>& files,
                                 const ExecutorOptions& options, ProgressSink& progress,
                                 const std::atomic<bool>& stop) {
    Executor executor(plan, source, imatrix, files, options, progress);
    executor.write(options, stop);
    if (options.verify) executor.read_back(options, stop);
    return executor.warnings();
}

}  // namespace quantize::pipeline
