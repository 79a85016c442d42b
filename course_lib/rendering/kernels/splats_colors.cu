// Colours for one view, and their derivative, in CUDA C++: the twin of colors.py.
//
// One thread is one Gaussian. Source: Sloan, Stupid Spherical Harmonics Tricks (2008), appendix A2.

constexpr int COEFFICIENTS = 16;  // of harmonics up to degree 3

// As `sh_basis`, 0 above the degree: with a size that is known when the kernel is compiled, and
// loops that the compiler unrolls, the array lives in registers.
__device__ __forceinline__ void fill_basis(float (&basis)[COEFFICIENTS], Vector way, int degree)
{
    const float x = way.x, y = way.y, z = way.z, xx = x * x, yy = y * y, zz = z * z;
    for (float& value : basis) value = 0.0f;
    basis[0] = SH_CONSTANT;
    if (degree >= 1) {
        basis[1] = -SH_LINEAR * y;
        basis[2] = SH_LINEAR * z;
        basis[3] = -SH_LINEAR * x;
    }
    if (degree >= 2) {
        basis[4] = SH_QUADRATIC_0 * x * y;
        basis[5] = -SH_QUADRATIC_0 * y * z;
        basis[6] = SH_QUADRATIC_1 * (2.0f * zz - xx - yy);
        basis[7] = -SH_QUADRATIC_0 * x * z;
        basis[8] = SH_QUADRATIC_2 * (xx - yy);
    }
    if (degree >= 3) {
        basis[9] = -SH_CUBIC_0 * y * (3.0f * xx - yy);
        basis[10] = SH_CUBIC_1 * x * y * z;
        basis[11] = -SH_CUBIC_2 * y * (4.0f * zz - xx - yy);
        basis[12] = SH_CUBIC_3 * z * (2.0f * zz - 3.0f * xx - 3.0f * yy);
        basis[13] = -SH_CUBIC_2 * x * (4.0f * zz - xx - yy);
        basis[14] = SH_CUBIC_4 * z * (xx - yy);
        basis[15] = -SH_CUBIC_0 * x * (xx - 3.0f * yy);
    }
}

// Gradient of sum_k g_k Y_k by the direction, term by term of `fill_basis`; g is 0 above the degree.
__device__ __forceinline__ Vector basis_gradient(const float (&g)[COEFFICIENTS], Vector way)
{
    const float x = way.x, y = way.y, z = way.z, xx = x * x, yy = y * y, zz = z * z;
    const float xy = x * y, xz = x * z, yz = y * z;
    float gx = -SH_LINEAR * g[3], gy = -SH_LINEAR * g[1], gz = SH_LINEAR * g[2];
    gx += SH_QUADRATIC_0 * (y * g[4] - z * g[7]);
    gx += 2.0f * x * (SH_QUADRATIC_2 * g[8] - SH_QUADRATIC_1 * g[6]);
    gy += SH_QUADRATIC_0 * (x * g[4] - z * g[5]);
    gy -= 2.0f * y * (SH_QUADRATIC_2 * g[8] + SH_QUADRATIC_1 * g[6]);
    gz += -SH_QUADRATIC_0 * (y * g[5] + x * g[7]) + 4.0f * SH_QUADRATIC_1 * z * g[6];
    gx -= SH_CUBIC_0 * (6.0f * xy * g[9] + 3.0f * (xx - yy) * g[15]);
    gx += SH_CUBIC_1 * yz * g[10];
    gx += SH_CUBIC_2 * (2.0f * xy * g[11] - (4.0f * zz - 3.0f * xx - yy) * g[13]);
    gx += 2.0f * xz * (SH_CUBIC_4 * g[14] - 3.0f * SH_CUBIC_3 * g[12]);
    gy -= SH_CUBIC_0 * (3.0f * (xx - yy) * g[9] - 6.0f * xy * g[15]);
    gy += SH_CUBIC_1 * xz * g[10];
    gy += SH_CUBIC_2 * (2.0f * xy * g[13] - (4.0f * zz - xx - 3.0f * yy) * g[11]);
    gy -= 2.0f * yz * (SH_CUBIC_4 * g[14] + 3.0f * SH_CUBIC_3 * g[12]);
    gz += SH_CUBIC_1 * xy * g[10] - 8.0f * SH_CUBIC_2 * (yz * g[11] + xz * g[13]);
    gz += 3.0f * SH_CUBIC_3 * (2.0f * zz - xx - yy) * g[12] + SH_CUBIC_4 * (xx - yy) * g[14];
    return {gx, gy, gz};
}

// The way from the camera to a Gaussian.
struct Way {
    Vector direction;  // of length one
    float inverse;     // 1 / its length, 1 / world units
};

__device__ __forceinline__ Way way_to(const float* mean, const float* viewmat)
{
    const Camera camera = load_camera(viewmat, viewmat, 0, 0);  // its pose alone
    // The camera stands at -R^T t.
    const Vector way = load(mean) + apply_transposed(camera.rotation, camera.translation);
    const float inverse = 1.0f / sqrtf(dot(way, way));
    return {inverse * way, inverse};
}

// Write the colour that each Gaussian which is seen shows to this camera.
extern "C" __global__ void __launch_bounds__(THREADS) shade(
    const float* __restrict__ means,    // (N, 3)
    const float* __restrict__ colors,   // (N, coefficients, 3)
    const float* __restrict__ viewmat,  // (4, 4)
    int count,                          // N
    int coefficients,
    int degree,                         // -1: the one coefficient is the colour
    int* __restrict__ touched,          // (N,) tiles; -5 is written where the colour is not finite
    float* __restrict__ packed)         // (N, PACKED), columns 6 to 8 written
{
    const size_t i = thread_number();
    if (i >= count || touched[i] <= 0) return;
    const float* own = colors + 3 * coefficients * i;
    Vector shown = {0.5f, 0.5f, 0.5f};
    if (degree < 0) shown = load(own);
    if (degree >= 0) {
        float basis[COEFFICIENTS];
        fill_basis(basis, way_to(means + 3 * i, viewmat).direction, degree);
        for (int k = 0; k < COEFFICIENTS; ++k)
            if (k < (degree + 1) * (degree + 1))
                shown = shown + basis[k] * load(own + 3 * k);
    }
    if (!(fabsf(shown.x) <= LARGEST && fabsf(shown.y) <= LARGEST && fabsf(shown.z) <= LARGEST))
        touched[i] = -5;
    if (degree >= 0)
        shown = {fmaxf(shown.x, 0.0f), fmaxf(shown.y, 0.0f), fmaxf(shown.z, 0.0f)};
    store(packed + PACKED * i + 6, shown);
}

// Carry the gradient of the colour shown back to the coefficients, the direction and the camera. Of
// what is not seen no gradient is written.
extern "C" __global__ void __launch_bounds__(THREADS) shade_backward(
    const float* __restrict__ means,
    const float* __restrict__ colors,
    const float* __restrict__ viewmat,
    int count,
    int coefficients,
    int degree,                            // 0 to 3
    const float* __restrict__ packed,
    const int* __restrict__ starts,        // (N + 1,)
    const float* __restrict__ grad_shown,  // (N, 3)
    float* __restrict__ grad_means,        // (N, 3), added to
    float* __restrict__ grad_colors,       // (N, coefficients, 3), zeros, written
    float* __restrict__ grad_eye)          // (warps, 3), written: with the sign -, to be summed
{
    const size_t i = thread_number();
    float away[3] = {};
    if (i < count && starts[i] < starts[i + 1]) {
        const float *shown = packed + PACKED * i + 6, *g = grad_shown + 3 * i;
        const Vector back = {  // through max(0, .)
            shown[0] > 0.0f ? g[0] : 0.0f, shown[1] > 0.0f ? g[1] : 0.0f,
            shown[2] > 0.0f ? g[2] : 0.0f,
        };
        const Way way = way_to(means + 3 * i, viewmat);
        float basis[COEFFICIENTS], weight[COEFFICIENTS] = {};
        fill_basis(basis, way.direction, degree);
        for (int k = 0; k < COEFFICIENTS; ++k) {
            if (k >= (degree + 1) * (degree + 1)) continue;
            const size_t own = 3 * (coefficients * i + k);
            store(grad_colors + own, basis[k] * back);
            weight[k] = dot(back, load(colors + own));
        }
        const Vector turn = basis_gradient(weight, way.direction);
        const float along = dot(turn, way.direction);
        const Vector to_mean = way.inverse * (turn + -along * way.direction);
        store(grad_means + 3 * i, load(grad_means + 3 * i) + to_mean);
        store(away, to_mean);
    }
    write_warp_sums(away, grad_eye);
}
