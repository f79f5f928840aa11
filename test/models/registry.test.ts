/** Networks by name: the paper's sizes where nothing else is said, and errors for what does not fit the data. */
import { describe, expect, it } from 'vitest';
import { dimensionOf } from '../../src/models/model.ts';
import { type DataShape, type ModelSettings, namedModel } from '../../src/models/registry.ts';
import { PRESETS } from '../../src/spec/presets.ts';
import { resolveSpec } from '../../src/spec/spec.ts';

const mnist: DataShape = { kind: 'image', size: [1, 28, 28] };
const cifar: DataShape = { kind: 'image', size: [3, 32, 32] };
const imagenette: DataShape = { kind: 'image', size: [3, 160, 160] };
const text: DataShape = { kind: 'text', symbols: 65 };
const settings = (model: object) => resolveSpec({ model }).model as ModelSettings;
const sizeOf = (model: object, shape: DataShape, outputs: number) =>
  dimensionOf(namedModel(settings(model), shape, outputs).model.parameters);

describe('networks by name', () => {
  it.each([
    ['lenet', mnist, 10, 61_706],
    ['resnet7', cifar, 10, 428_272],
    ['resnet18', cifar, 10, 11_178_782],
    ['vit', imagenette, 10, 22_032_522],
    ['gpt', text, 65, 10_770_048],
  ] as const)('%s has the parameters of the paper', (name, shape, outputs, parameters) => {
    expect(sizeOf({ name }, shape, outputs)).toBe(parameters);
  });

  it('are the usual ones where none is named', () => {
    const usual = ([shape, outputs]: [DataShape, number]) => namedModel(settings({}), shape, outputs).model.name;
    const all: [DataShape, number][] = [
      [{ kind: 'table', inputs: 5 }, 1],
      [mnist, 10],
      [text, 65],
    ];
    expect(all.map(usual)).toEqual(['mlp 5-16-16-16-1 relu', 'lenet', 'gpt 384×6 paper']);
  });

  it('take sizes of their own', () => {
    const small = { name: 'gpt', context: 64, width: 128, depth: 2, heads: 4 };
    expect(sizeOf(small, text, 65)).toBe(418_688);
    expect(namedModel(settings(small), text, 65)).toMatchObject({ inputs: 64, places: 64 });
    expect(sizeOf({ name: 'mlp', hidden: [7] }, mnist, 10)).toBe(784 * 7 + 7 + 70 + 10);
  });

  it.each([
    [{ name: 'lenet', width: 8 }, 'model.width: expected none for lenet, got 8. Leave it out, or choose vit or gpt.'],
    [{ depth: 8 }, 'model.depth: expected none for mlp, got 8'],
    [{ name: 'gpt', network: 'a.onnx' }, 'model.name: expected a name or an ONNX file in model.network, got both'],
    [{ name: 'lenets' }, 'model.name'],
    [{ name: 'gpt', width: 0 }, 'model.width'],
  ])('refuse %j', (model, message) => {
    expect(() => resolveSpec({ model })).toThrow(message);
  });

  it.each([
    ['gpt', {}, mnist, 'expected mlp, lenet, resnet7, resnet18, vit for images, got gpt'],
    ['lenet', {}, { kind: 'table', inputs: 4 }, 'expected mlp for a table, got lenet'],
    ['mlp', {}, text, 'expected gpt for a text, got mlp'],
    ['lenet', {}, { kind: 'image', size: [1, 8, 28] }, 'expected images of 12 × 12 pixels or more, got 8 × 28'],
    ['vit', {}, mnist, 'expected patches that divide 28 × 28 pixels, got 16. Set model.patch.'],
    ['vit', { patch: 7, heads: 7 }, mnist, 'expected heads that divide the width 384, got 7'],
  ] as const)('%s %j does not take other data', (name, sizes, shape, message) => {
    expect(() => namedModel(settings({ name, ...sizes }), shape as DataShape, 10)).toThrow(message);
  });
});

describe('presets', () => {
  it.each(Object.entries(PRESETS))('%s is a configuration', (_, preset) => {
    expect(() => resolveSpec(preset)).not.toThrow();
  });
});
