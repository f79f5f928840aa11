/** `smile inspect MODEL.onnx`: what a network is made of, and what of it can be sampled. */
import { Command } from 'commander';
import { sizeOf } from '../src/models/model.ts';
import type { OnnxNetwork } from '../src/models/onnx.ts';
import { readNetwork } from '../src/run/network.ts';

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Show what an ONNX network is made of and which of its tensors smile fit can sample.')
    .argument('<model>', 'ONNX file, exported from PyTorch, Keras or another framework')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ smile inspect trained.onnx
  $ smile inspect trained.onnx --json | jq '.tensors[].name'
  $ smile fit houses.csv --model trained.onnx --parameters last

Every operator that cannot be differentiated is named, with its node; the exit code is then 1.`,
    )
    .action((path: string, { json }: { json?: boolean }) => {
      const network = readNetwork(path);
      console.log(json ? JSON.stringify(summary(network), null, 2) : text(network));
    });
}

function summary({ source, opset, onnx, row, outputs, ending, tensors, last }: OnnxNetwork) {
  const operators: Record<string, number> = {};
  for (const { opType } of onnx.graph.node) operators[opType] = (operators[opType] ?? 0) + 1;
  return {
    source,
    producer: onnx.producerName ?? '',
    opset,
    rowShape: row,
    outputs,
    leftOff: ending,
    operators,
    tensors: tensors.map(({ name, shape, learned }) => ({
      name,
      shape,
      numbers: sizeOf(shape),
      learned,
      lastLayer: last.includes(name),
    })),
  };
}

function text(network: OnnxNetwork): string {
  const { source, producer, opset, rowShape, outputs, leftOff, operators, tensors } = summary(network);
  const total = (some: typeof tensors) => some.reduce((sum, { numbers }) => sum + numbers, 0).toLocaleString('en');
  const all = tensors.filter(({ learned }) => learned);
  const lastOnes = tensors.filter(({ lastLayer }) => lastLayer);
  const width = Math.max(...tensors.map(({ name }) => name.length), 6);
  return [
    `${source}: opset ${opset}${producer && `, made by ${producer}`}`,
    `rows of [${rowShape.join(', ')}] to ${outputs} output${outputs === 1 ? '' : 's'}` +
      (leftOff === 'none' ? '' : `; its ${leftOff} at the end is left off, likelihoods take logits`),
    `operators: ${Object.entries(operators)
      .map(([type, count]) => `${type} × ${count}`)
      .join(', ')}`,
    '',
    `${'tensor'.padEnd(width)}  ${'numbers'.padStart(10)}  shape`,
    ...tensors.map(
      ({ name, numbers, shape, learned, lastLayer }) =>
        `${name.padEnd(width)}  ${numbers.toLocaleString('en').padStart(10)}  [${shape.join(', ')}]${lastLayer ? '  last layer' : learned ? '' : '  not learned, it seems: sampled only when named'}`,
    ),
    '',
    `--parameters all: ${total(all)} numbers in ${all.length} tensors; last: ${total(lastOnes)} in ${lastOnes.length}`,
  ].join('\n');
}
