// y = x Wᵀ for few rows of x, with weights of eight bits.
//
// Weights lie in panels of 16 outputs: for every 4 inputs, the 4 weights of each output one after another, 64 bytes.
// They are stored as 0 to 255, 128 being none, since that is what VPDPBUSD multiplies by signed numbers. Every row of x
// becomes eight bits as well, by its own greatest number; sums are of 32 bits and exact. So a row's result depends on
// that row alone, whatever stands beside it.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX512VNNI__)
#include <immintrin.h>
#endif

#include "parts.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

constexpr int kOutputs = 16;  // of a panel
constexpr int kInputs = 4;    // that are multiplied at once
constexpr int kRows = 18;     // whose sums fit into registers: nine pictures, with and without the prompt
constexpr int64_t kPanels = 4;  // that a thread takes at a time
constexpr int kGreatest = 127;
constexpr int kNone = 128;

// Rows of eight bits, `width` a row, and what they are to be multiplied with.
struct Rows {
  int64_t count, width;
  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<int32_t> excess;  // what weights that are too large by 128 add to each sum
};

Rows Quantize(const float* x, int64_t count, int64_t length, int64_t width) {
  Rows rows{count, width, std::vector<int8_t>(count * width), std::vector<float>(count), std::vector<int32_t>(count)};
  for (int64_t r = 0; r < count; ++r, x += length) {
    float greatest = 0;
    bool finite = true;
    for (int64_t k = 0; k < length; ++k) {
      greatest = std::max(greatest, std::fabs(x[k]));
      finite &= std::isfinite(x[k]);
    }
    const float scale = finite && greatest > 0 ? kGreatest / greatest : 0;
    int8_t* values = rows.values.data() + r * width;
    int32_t sum = 0;
    for (int64_t k = 0; k < length && scale > 0; ++k) {
      values[k] = static_cast<int8_t>(std::nearbyint(x[k] * scale));
      sum += values[k];
    }
    // What is no number stays none.
    rows.scales[r] = finite ? greatest / kGreatest : NAN;
    rows.excess[r] = kNone * sum;
  }
  return rows;
}

// Sums of one panel's products with `kCount` rows of `width`.
template <int kCount>
void MultiplyPanel(const uint8_t* panel, const int8_t* rows, int64_t width, int32_t (*sums)[kOutputs]) {
#if defined(__AVX512VNNI__)
  __m512i sum[kCount];
  for (int r = 0; r < kCount; ++r) sum[r] = _mm512_setzero_si512();
  for (int64_t k = 0; k < width; k += kInputs) {
    const __m512i weights = _mm512_loadu_si512(panel + k * kOutputs);
    for (int r = 0; r < kCount; ++r) {
      int32_t inputs;
      std::memcpy(&inputs, rows + r * width + k, kInputs);
      sum[r] = _mm512_dpbusd_epi32(sum[r], weights, _mm512_set1_epi32(inputs));
    }
  }
  for (int r = 0; r < kCount; ++r) _mm512_storeu_si512(sums[r], sum[r]);
#else
  for (int r = 0; r < kCount; ++r) {
    int32_t sum[kOutputs] = {};
    for (int64_t k = 0; k < width; k += kInputs)
      for (int o = 0; o < kOutputs; ++o)
        for (int i = 0; i < kInputs; ++i)
          sum[o] += static_cast<int32_t>(panel[k * kOutputs + o * kInputs + i]) * rows[r * width + k + i];
    std::memcpy(sums[r], sum, sizeof sum);
  }
#endif
}

struct Output {
  const uint8_t* panels;
  const float* scales;
  int64_t outputs;
  float* y;
};

void MultiplyRows(const Rows& rows, int64_t first, int64_t count, const Output& out, int64_t panel) {
  const uint8_t* weights = out.panels + panel * kOutputs * rows.width;
  const int8_t* values = rows.values.data() + first * rows.width;
  int32_t sums[kRows][kOutputs];
  if (count == kRows) {
    MultiplyPanel<kRows>(weights, values, rows.width, sums);
  } else {
    for (int64_t r = 0; r < count; ++r) MultiplyPanel<1>(weights, values + r * rows.width, rows.width, sums + r);
  }
  const int64_t start = panel * kOutputs, stop = std::min(out.outputs, start + kOutputs);
  for (int64_t r = 0; r < count; ++r)
    for (int64_t o = start; o < stop; ++o)
      out.y[(first + r) * out.outputs + o] =
          (sums[r][o - start] - rows.excess[first + r]) * (rows.scales[first + r] * out.scales[o]);
}

ffi::Error Multiply(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::U8> panels,
                    ffi::Buffer<ffi::F32> scales, ffi::ResultBuffer<ffi::F32> y) {
  const auto shape = panels.dimensions();
  const Rows rows = Quantize(x.typed_data(), x.dimensions()[0], x.dimensions()[1], shape[1] * kInputs);
  const Output out{panels.typed_data(), scales.typed_data(), y->dimensions()[1], y->typed_data()};
  const int64_t most = shape[0], count = (most + kPanels - 1) / kPanels;
  const auto work = [&rows, &out, most](int64_t part) {
    for (int64_t panel = part * kPanels; panel < std::min(most, (part + 1) * kPanels); ++panel)
      for (int64_t first = 0; first < rows.count; first += kRows)
        MultiplyRows(rows, first, std::min<int64_t>(kRows, rows.count - first), out, panel);
  };
  ShareParts(pool, count, work);
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(DalleMiniInt8Product, Multiply,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::U8>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>());
