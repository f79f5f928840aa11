/*
 * The arithmetic of `bench/kernel.ts` in plain C: SMILE-naive steps of C chains on ICG under correlated Gaussian noise,
 * float64, random numbers included (Threefry keys, sfc32 words, polar normals). Prints nanoseconds per chain-step and a
 * checksum of the positions, which must be that of the TypeScript.
 *
 * usage: kernel CHAINS STEPS EPSILON < precision, factor and start velocities as text
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define D 10

static uint32_t rotl(uint32_t x, int k) { return (x << k) | (x >> (32 - k)); }

static void threefry(uint32_t k0, uint32_t k1, uint32_t c0, uint32_t c1, uint32_t out[2]) {
  static const int turns[8] = {13, 15, 26, 6, 17, 29, 16, 24};
  uint32_t ks[3] = {k0, k1, 0x1bd11bdau ^ k0 ^ k1};
  uint32_t x = c0 + k0, y = c1 + k1;
  for (int group = 0; group < 5; group++) {
    for (int r = 0; r < 4; r++) {
      x += y;
      y = rotl(y, turns[(group % 2) * 4 + r]) ^ x;
    }
    x += ks[(group + 1) % 3];
    y += ks[(group + 2) % 3] + group + 1;
  }
  out[0] = x;
  out[1] = y;
}

static void normals(const uint32_t key[2], double *out, int count) {
  uint32_t a = key[0], b = key[1], c = 0x9e3779b9u, counter = 1;
  double waiting = 0;
  int held = 0;
  for (int i = -12; i < count;) {
    uint32_t word = a + b + counter;
    counter++;
    a = b ^ (b >> 9);
    b = c + (c << 3);
    c = rotl(c, 21) + word;
    if (i < 0) {
      i++;
      continue;
    }
    double u = ((int32_t)word + 0.5) * 0x1p-31;
    held = !held;
    if (held) {
      waiting = u;
      continue;
    }
    double square = waiting * waiting + u * u;
    if (square >= 1) continue;
    double scale = sqrt(-2 * log(square) / square);
    out[i] = scale * waiting;
    if (i + 1 < count) out[i + 1] = scale * u;
    i += 2;
  }
}

static double precision[D * D], factor[D * D];

static double evaluate(const double *theta, const double *force, double *grad) {
  double value = 0, work = 0;
  for (int i = 0; i < D; i++) {
    double sum = 0;
    for (int j = 0; j < D; j++) sum -= precision[i * D + j] * theta[j];
    value += sum * theta[i];
    grad[i] = sum;
  }
  for (int i = 0; i < D; i++) {
    work += force[i] * theta[i];
    grad[i] += force[i];
  }
  return 0.5 * value + work;
}

static double kick(double *u, const double *g, double h) {
  double square = 0, along = 0, length = 0;
  for (int i = 0; i < D; i++) {
    square += g[i] * g[i];
    along += u[i] * g[i];
    length += u[i] * u[i];
  }
  double norm = sqrt(square);
  if (norm <= 1e-13) return 0;
  double p = along / norm, delta = h * norm / (D - 1);
  double fall = -expm1(-delta), zeta = 1 - fall;
  double to = fall * (1 + zeta + p * fall) / norm, kept = 2 * zeta;
  double raw = sqrt(to * to * square + 2 * to * kept * along + kept * kept * length);
  double a = to / raw, b = kept / raw;
  for (int i = 0; i < D; i++) u[i] = a * g[i] + b * u[i];
  return (D - 1) * fmax(delta + log1p(0.5 * (1 - p) * expm1(-2 * delta)), -delta);
}

static void drift(double *theta, const double *u, double h) {
  for (int i = 0; i < D; i++) theta[i] += h * u[i];
}

int main(int argc, char **argv) {
  int chains = atoi(argv[1]), steps = atoi(argv[2]);
  double epsilon = atof(argv[3]), b1 = 0.1931833275037836, b2 = 1 - 2 * b1;
  for (int i = 0; i < D * D; i++) if (scanf("%lf", &precision[i]) != 1) return 1;
  for (int i = 0; i < D * D; i++) if (scanf("%lf", &factor[i]) != 1) return 1;
  double *theta = calloc(chains * D, sizeof(double)), *u = malloc(chains * D * sizeof(double));
  double *g = malloc(chains * D * sizeof(double)), *value = malloc(chains * sizeof(double));
  uint32_t *keys = malloc(chains * 2 * sizeof(uint32_t));
  for (int i = 0; i < chains * 2; i++) if (scanf("%u", &keys[i]) != 1) return 1;
  for (int i = 0; i < chains * D; i++) if (scanf("%lf", &u[i]) != 1) return 1;
  struct timespec begin, end;
  double energy = 0;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (int t = 0; t < steps; t++) {
    for (int c = 0; c < chains; c++) {
      double z[D], force[D], *x = theta + c * D, *v = u + c * D, *grad = g + c * D;
      uint32_t key[2];
      threefry(keys[2 * c], keys[2 * c + 1], t, 0, key);
      normals(key, z, D);
      for (int i = 0; i < D; i++) {
        double sum = 0;
        for (int k = 0; k < D; k++) sum += factor[i * D + k] * z[k];
        force[i] = 15.995 * sum;
      }
      if (t == 0) value[c] = evaluate(x, force, grad);
      double before = value[c];
      double kinetic = kick(v, grad, b1 * epsilon);
      drift(x, v, 0.5 * epsilon);
      evaluate(x, force, grad);
      kinetic += kick(v, grad, b2 * epsilon);
      drift(x, v, 0.5 * epsilon);
      value[c] = evaluate(x, force, grad);
      kinetic += kick(v, grad, b1 * epsilon);
      energy += kinetic - (value[c] - before);
    }
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  double checksum = 0;
  for (int i = 0; i < chains * D; i++) checksum += theta[i] * theta[i];
  double ns = (end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec);
  printf("%.3f %.12g %g\n", ns / steps / chains, checksum, energy);
  return 0;
}
