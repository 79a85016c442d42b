// Projection of Gaussians and its derivative, in CUDA C++: the twin of project.py.
//
// One thread is one Gaussian. Source: Zwicker, Pfister, van Baar and Gross, "EWA splatting" (2002),
// https://doi.org/10.1109/TVCG.2002.1021576; Kerbl et al. (2023), https://arxiv.org/abs/2308.04079.

// Index into `arguments.FAULTS` of what is wrong with a Gaussian, or -1. A NaN fails every test.
__device__ __forceinline__ int fault_of(
    const float* mean, const float* quat, const float* scale, float opacity)
{
    float length2 = 0.0f;
    for (int k = 0; k < 3; ++k)
        if (!(fabsf(mean[k]) <= LARGEST)) return 0;
    for (int k = 0; k < 4; ++k) length2 += quat[k] * quat[k];
    if (!(length2 > 0.0f && length2 <= LARGEST)) return 1;
    for (int k = 0; k < 3; ++k)
        if (!(scale[k] >= 0.0f && scale[k] <= LARGEST)) return 2;
    return opacity >= 0.0f && opacity <= 1.0f ? -1 : 3;
}

// x/z, held to the picture and the margin around it.
__device__ __forceinline__ float held(float slope, float focal, float centre, float size)
{
    const float margin = 0.5f * GUARD * size / focal;
    return fminf(fmaxf(slope, -centre / focal - margin), (size - centre) / focal + margin);
}

// A mean as the camera sees it, and the rows of J R: what a step in the world is in the picture.
struct Sight {
    float depth, inverse_depth;
    float slope_x, slope_y;  // x/z, y/z
    float held_x, held_y;    // the same as J has them
    Vector axis_x, axis_y;   // f_x/z (r_x - held_x r_z) and the same in y, r the rows of R
};

__device__ __forceinline__ Sight sight_of(const Camera& camera, Vector mean)
{
    const Vector point = apply(camera.rotation, mean) + camera.translation;
    Sight sight = {point.z, 1.0f / point.z};
    sight.slope_x = point.x * sight.inverse_depth;
    sight.slope_y = point.y * sight.inverse_depth;
    sight.held_x = held(sight.slope_x, camera.fx, camera.cx, camera.width);
    sight.held_y = held(sight.slope_y, camera.fy, camera.cy, camera.height);
    const float a = camera.fx * sight.inverse_depth, b = camera.fy * sight.inverse_depth;
    sight.axis_x = a * (camera.rotation.x + -sight.held_x * camera.rotation.z);
    sight.axis_y = b * (camera.rotation.y + -sight.held_y * camera.rotation.z);
    return sight;
}

// The tile in which a coordinate lies, or a later one, kept to what a picture of this size has.
__device__ __forceinline__ int tile_of(float pixel, int later, int size)
{
    const float tiles = (size + TILE - 1) / TILE;
    // fmaxf makes 0 of a NaN.
    return static_cast<int>(fminf(fmaxf(floorf(pixel / TILE) + later, 0.0f), tiles));
}

// Project, cull, and say which tiles each Gaussian touches. Of what is not seen nothing is written.
extern "C" __global__ void __launch_bounds__(THREADS) project_splats(
    const float* __restrict__ means,      // (N, 3)
    const float* __restrict__ quats,      // (N, 4)
    const float* __restrict__ scales,     // (N, 3)
    const float* __restrict__ opacities,  // (N,)
    const float* __restrict__ viewmat,    // (4, 4)
    const float* __restrict__ K,          // (3, 3)
    int count,                            // N
    int width,
    int height,
    float* __restrict__ packed,           // (N, PACKED), written: columns 0 to 5 and 9
    short* __restrict__ rects,            // (N, 4), zeros, written: first and last tile in x, in y
    int* __restrict__ touched,            // (N,), zeros, written: tiles, or -1 - fault
    int* __restrict__ keys)               // (N,), written: a depth's bits, which sort as it does
{
    const size_t i = thread_number();
    if (i >= count) return;
    const float opacity = opacities[i];
    const int fault = fault_of(means + 3 * i, quats + 4 * i, scales + 3 * i, opacity);
    if (fault >= 0) touched[i] = -1 - fault;
    if (fault >= 0) return;
    const Camera camera = load_camera(viewmat, K, width, height);
    const Sight sight = sight_of(camera, load(means + 3 * i));
    if (!(sight.depth > NEAR) || opacity < MIN_ALPHA) return;

    // Rows of M = J R Rq S; the covariance is M M^T.
    const Rows rotation = rotation_rows(unit_quaternion(quats + 4 * i));
    const Vector scale = load(scales + 3 * i);
    const Vector m0 = times(apply_transposed(rotation, sight.axis_x), scale);
    const Vector m1 = times(apply_transposed(rotation, sight.axis_y), scale);
    const float xx = dot(m0, m0) + COVARIANCE_BLUR, yy = dot(m1, m1) + COVARIANCE_BLUR;
    const float xy = dot(m0, m1);
    // |m0|^2 |m1|^2 - (m0 m1)^2 = |m0 x m1|^2, a sum without a difference: see project.py.
    const Vector area = cross(m0, m1);
    const float determinant =
        dot(area, area) + COVARIANCE_BLUR * (dot(m0, m0) + dot(m1, m1) + COVARIANCE_BLUR);
    if (!(determinant <= LARGEST && xx * yy <= LARGEST)) return;

    const float distance2 = 2.0f * logf(opacity / MIN_ALPHA);
    const float reach_x = sqrtf(distance2 * xx), reach_y = sqrtf(distance2 * yy);
    const float u = camera.fx * sight.slope_x + camera.cx;
    const float v = camera.fy * sight.slope_y + camera.cy;
    const int left = tile_of(u - reach_x, 0, width), right = tile_of(u + reach_x, 1, width);
    const int top = tile_of(v - reach_y, 0, height), bottom = tile_of(v + reach_y, 1, height);
    // Also false for a NaN, where two infinities met.
    const bool inside_x = u + reach_x > 0.0f && u - reach_x < camera.width && right > left;
    const bool inside_y = v + reach_y > 0.0f && v - reach_y < camera.height && bottom > top;
    if (!(inside_x && inside_y)) return;

    float* row = packed + PACKED * i;
    row[0] = u, row[1] = v;
    row[2] = yy / determinant, row[3] = -xy / determinant, row[4] = xx / determinant;
    row[5] = opacity, row[9] = sight.depth;
    short* rect = rects + 4 * i;
    rect[0] = left, rect[1] = right, rect[2] = top, rect[3] = bottom;
    touched[i] = (right - left) * (bottom - top);
    keys[i] = __float_as_int(sight.depth);
}

// The sum of a Gaussian's moments over its tiles: dL/dcolor, then the sums of s = dL/dsigma times
// 1, dx, dy, dx dx, dx dy, dy dy.
struct Moments {
    Vector color;
    float s, sx, sy, sxx, sxy, syy;
};

__device__ __forceinline__ Moments sum_of_moments(const float* moments, int first, int last)
{
    float sum[MOMENTS] = {};
    for (int k = first; k < last; ++k)
        for (int j = 0; j < MOMENTS; ++j) sum[j] += moments[static_cast<size_t>(MOMENTS) * k + j];
    return {{sum[0], sum[1], sum[2]}, sum[3], sum[4], sum[5], sum[6], sum[7], sum[8]};
}

// Gradients of a splat's mean (u, v) and covariance in the picture.
struct Flat {
    float u, v;
    float xx, xy, yy;
};

// sigma = (A dx^2 + C dy^2) / 2 + B dx dy with d = pixel - (u, v). The conic is the covariance's
// inverse: dL/dcov = -conic G conic, G = dL/dconic.
__device__ __forceinline__ Flat flat_gradient(const Moments& sum, const float* conic)
{
    const float A = conic[0], B = conic[1], C = conic[2];
    const float gA = 0.5f * sum.sxx, gB = 0.5f * sum.sxy, gC = 0.5f * sum.syy;
    const float e00 = gA * A + gB * B, e01 = gA * B + gB * C;
    const float e10 = gB * A + gC * B, e11 = gB * B + gC * C;
    return {
        -(A * sum.sx + B * sum.sy), -(B * sum.sx + C * sum.sy),
        -(A * e00 + B * e10), -(A * e01 + B * e11), -(B * e01 + C * e11),
    };
}

// From h = dL/dR to dL/dquat, through the normalisation.
__device__ __forceinline__ void store_quaternion_gradient(
    float* to, const Rows& h, const Quaternion& q)
{
    const float w = q.w, x = q.x, y = q.y, z = q.z;
    const float gw = 2.0f * (x * (h.z.y - h.y.z) + y * (h.x.z - h.z.x) + z * (h.y.x - h.x.y));
    const float gx = 2.0f * (y * (h.x.y + h.y.x) + z * (h.x.z + h.z.x) + w * (h.z.y - h.y.z)
                             - 2.0f * x * (h.y.y + h.z.z));
    const float gy = 2.0f * (x * (h.x.y + h.y.x) + z * (h.y.z + h.z.y) + w * (h.x.z - h.z.x)
                             - 2.0f * y * (h.x.x + h.z.z));
    const float gz = 2.0f * (x * (h.x.z + h.z.x) + y * (h.y.z + h.z.y) + w * (h.y.x - h.x.y)
                             - 2.0f * z * (h.x.x + h.y.y));
    const float along = gw * w + gx * x + gy * y + gz * z;
    to[0] = (gw - along * w) * q.inverse;
    to[1] = (gx - along * x) * q.inverse;
    to[2] = (gy - along * y) * q.inverse;
    to[3] = (gz - along * z) * q.inverse;
}

// dL/d(point in the camera's frame), from dL/d(u, v) and dL/d(axis_x, axis_y).
__device__ __forceinline__ Vector point_gradient(
    const Camera& camera, const Sight& sight, const Flat& flat, Vector g_axis_x, Vector g_axis_y)
{
    const float inverse = sight.inverse_depth;
    float slope_x = camera.fx * flat.u, slope_y = camera.fy * flat.v;
    if (sight.held_x == sight.slope_x)
        slope_x -= camera.fx * inverse * dot(camera.rotation.z, g_axis_x);
    if (sight.held_y == sight.slope_y)
        slope_y -= camera.fy * inverse * dot(camera.rotation.z, g_axis_y);
    const float z = dot(sight.axis_x, g_axis_x) + dot(sight.axis_y, g_axis_y)
                    + slope_x * sight.slope_x + slope_y * sight.slope_y;
    return {slope_x * inverse, slope_y * inverse, -inverse * z};
}

// What one Gaussian says about the camera: rows of dL/dR, then dL/dt.
__device__ __forceinline__ void fill_pose(
    float (&pose)[12], const Camera& camera, const Sight& sight, Vector mean, Vector g_point,
    Vector g_axis_x, Vector g_axis_y)
{
    const float a = camera.fx * sight.inverse_depth, b = camera.fy * sight.inverse_depth;
    const Vector by_z = -a * sight.held_x * g_axis_x + -b * sight.held_y * g_axis_y;
    store(pose, g_point.x * mean + a * g_axis_x);
    store(pose + 3, g_point.y * mean + b * g_axis_y);
    store(pose + 6, g_point.z * mean + by_z);
    store(pose + 9, g_point);
}

// Add up a Gaussian's moments over its tiles and carry them back through the projection. Of what is
// not seen no gradient is written.
extern "C" __global__ void __launch_bounds__(THREADS) project_splats_backward(
    const float* __restrict__ means,
    const float* __restrict__ quats,
    const float* __restrict__ scales,
    const float* __restrict__ opacities,
    const float* __restrict__ viewmat,
    const float* __restrict__ K,
    int count,
    int width,
    int height,
    const float* __restrict__ packed,
    const int* __restrict__ starts,      // (N + 1,) rows of `moments` that belong to a Gaussian
    const float* __restrict__ moments,   // (pairs, MOMENTS)
    float* __restrict__ grad_means,      // zeros, written, as the next four
    float* __restrict__ grad_quats,
    float* __restrict__ grad_scales,
    float* __restrict__ grad_opacities,
    float* __restrict__ grad_shown,      // (N, 3), of the colour shown
    float* __restrict__ grad_pose)       // (warps, 12), written: dL/dR and dL/dt, to be summed
{
    const size_t i = thread_number();
    float pose[12] = {};
    if (i < count && starts[i] < starts[i + 1]) {
        const Moments sum = sum_of_moments(moments, starts[i], starts[i + 1]);
        store(grad_shown + 3 * i, sum.color);
        grad_opacities[i] = -sum.s / opacities[i];
        const Flat flat = flat_gradient(sum, packed + PACKED * i + 2);

        // The projection once more, as in project_splats.
        const Camera camera = load_camera(viewmat, K, width, height);
        const Vector mean = load(means + 3 * i), scale = load(scales + 3 * i);
        const Sight sight = sight_of(camera, mean);
        const Quaternion quaternion = unit_quaternion(quats + 4 * i);
        const Rows rotation = rotation_rows(quaternion);
        const Vector b0 = apply_transposed(rotation, sight.axis_x);
        const Vector b1 = apply_transposed(rotation, sight.axis_y);

        // cov = M M^T with M = (J R Rq) S: dL/dM = 2 dL/dcov M.
        const Vector m0 = times(b0, scale), m1 = times(b1, scale);
        const Vector n0 = 2.0f * (flat.xx * m0 + flat.xy * m1);
        const Vector n1 = 2.0f * (flat.xy * m0 + flat.yy * m1);
        store(grad_scales + 3 * i, times(n0, b0) + times(n1, b1));
        const Vector h0 = times(n0, scale), h1 = times(n1, scale);  // dL/d(J R Rq)
        const Rows h = {
            sight.axis_x.x * h0 + sight.axis_y.x * h1,
            sight.axis_x.y * h0 + sight.axis_y.y * h1,
            sight.axis_x.z * h0 + sight.axis_y.z * h1,
        };
        store_quaternion_gradient(grad_quats + 4 * i, h, quaternion);
        const Vector g_axis_x = apply(rotation, h0), g_axis_y = apply(rotation, h1);
        const Vector g_point = point_gradient(camera, sight, flat, g_axis_x, g_axis_y);
        store(grad_means + 3 * i, apply_transposed(camera.rotation, g_point));
        fill_pose(pose, camera, sight, mean, g_point, g_axis_x, g_axis_y);
    }
    write_warp_sums(pose, grad_pose);
}
