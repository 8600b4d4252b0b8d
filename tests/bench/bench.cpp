// Times every tensor type's encoder and decoder on every instruction set of this machine, with and
// without importance weights: ns per weight, and GB/s of the binary32 side.
//
//   bench                                            everything
//   bench --benchmark_filter='encode/Q4_K/.*/AVX2'   names are task/type/weights/target
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "quantize/format.h"
#include "quantize/quantize.h"

namespace {

using namespace quantize;

/// Rows as long as a model's, few enough to stay in the second-level cache.
constexpr std::int64_t row_count = 16;
constexpr std::int64_t col_count = 2048;
constexpr std::int64_t elem_count = row_count * col_count;

/// Gaussian weights with a few outliers, as in a trained model, which comes as F16.
const std::vector<float>& values() {
    static const std::vector<float> all = [] {
        std::mt19937 random(1);
        std::normal_distribution<float> normal(0.0F, 0.02F);
        std::vector<float> out(elem_count);
        for (float& value : out)
            value = normal(random) * (random() % 1000 == 0 ? 6.0F : 1.0F);
        const Format& f16 = *find_format(TensorType::F16);
        std::vector<std::byte> halves(row_bytes(f16.type, elem_count));
        f16.encode(out.data(), 1, elem_count, nullptr, halves.data());
        f16.decode(halves.data(), elem_count, out.data());
        return out;
    }();
    return all;
}

/// Log-normal, as the mean squares of activations are.
const std::vector<float>& importance() {
    static const std::vector<float> all = [] {
        std::mt19937 random(2);
        std::normal_distribution<float> normal(0.0F, 1.2F);
        std::vector<float> out(col_count);
        for (float& weight : out)
            weight = std::exp(normal(random));
        return out;
    }();
    return all;
}

void report(benchmark::State& state) {
    const auto elems = static_cast<double>(elem_count);
    state.SetBytesProcessed(state.iterations() * elem_count *
                            static_cast<std::int64_t>(sizeof(float)));
    // Shown with a unit prefix: "5.31n" is 5.31 nanoseconds for one weight.
    state.counters["s/weight"] = benchmark::Counter(
        elems, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void encode(benchmark::State& state, const Format& format, const std::string& target,
            bool weighted) {
    pin_target(target);
    std::vector<std::byte> blocks(row_bytes(format.type, elem_count));
    const float* weights = weighted ? importance().data() : nullptr;
    // Once before the clock starts: code books are built on first use.
    format.encode(values().data(), 1, col_count, weights, blocks.data());
    for (auto _ : state) {
        format.encode(values().data(), row_count, col_count, weights, blocks.data());
        benchmark::DoNotOptimize(blocks.data());
    }
    report(state);
}

void decode(benchmark::State& state, const Format& format, const std::string& target) {
    pin_target(target);
    std::vector<std::byte> blocks(row_bytes(format.type, elem_count));
    std::vector<float> decoded(elem_count);
    if (format.encode != nullptr) {
        const bool needs = format.weight_use == WeightUse::required;
        format.encode(values().data(), row_count, col_count, needs ? importance().data() : nullptr,
                      blocks.data());
    }
    for (auto _ : state) {
        format.decode(blocks.data(), elem_count, decoded.data());
        benchmark::DoNotOptimize(decoded.data());
    }
    report(state);
}

void register_type(const Format& format, const std::string& target) {
    const std::string type(type_name(format.type));
    const auto add = [&](const std::string& name, auto body) {
        benchmark::RegisterBenchmark(name.c_str(), body);
    };
    const auto add_encode = [&](std::string_view label, bool weighted) {
        add("encode/" + type + "/" + std::string(label) + "/" + target,
            [&format, target, weighted](benchmark::State& state) {
                encode(state, format, target, weighted);
            });
    };
    if (format.encode != nullptr) {
        if (format.weight_use != WeightUse::required) add_encode("plain", false);
        if (format.weight_use != WeightUse::ignored) add_encode("imatrix", true);
    }
    add("decode/" + type + "/plain/" + target,
        [&format, target](benchmark::State& state) { decode(state, format, target); });
}

}  // namespace

int main(int argc, char** argv) {
    for (const TypeInfo& info : tensor_types) {
        const Format* format = find_format(info.type);
        if (format == nullptr) continue;
        for (const std::string& target : available_targets())
            register_type(*format, target);
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
