// Tells the thread sanitizer what passes from thread to thread through oneTBB, whose library is not
// built for it: what one thread did before hand_over() happened before what another does after
// take_over() of the same thing. Nothing at all without the sanitizer.
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define QUANTIZE_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define QUANTIZE_THREAD_SANITIZER
#endif

#ifdef QUANTIZE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

namespace quantize::pipeline {

inline void hand_over([[maybe_unused]] void* thing) {
#ifdef QUANTIZE_THREAD_SANITIZER
    __tsan_release(thing);
#endif
}

inline void take_over([[maybe_unused]] void* thing) {
#ifdef QUANTIZE_THREAD_SANITIZER
    __tsan_acquire(thing);
#endif
}

}  // namespace quantize::pipeline
