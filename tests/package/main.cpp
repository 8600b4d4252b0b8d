// A stranger's program: quantizes the file that it is given, through the installed library alone.
#include <cstdio>

#include "quantize/quantize.h"

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    quantize::Request request;
    request.input = argv[1];
    request.output = argv[2];
    request.recipe = "Q5_K_M";
    try {
        const quantize::Report report = quantize::run(request);
        std::printf("%zu tensors, %.2f bits per weight\n", report.tensors.size(),
                    report.bits_per_weight_to());
    } catch (const quantize::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
