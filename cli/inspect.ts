/** `smile inspect PATH`: what a network is made of and whether a fit could sample it; or what data are taken for, and what is in them. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { KINDS } from '../src/data/kinds.ts';
import { TOKENISERS } from '../src/data/text/tokens.ts';
import { sizeOf } from '../src/models/model.ts';
import type { OnnxNetwork } from '../src/models/onnx/network.ts';
import { readNetwork } from '../src/spec/network.ts';
import { type Trial, tryNetwork } from '../src/spec/network-trial.ts';
import { type DataFlags, dataText, inspectData } from './inspect-data.ts';

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Show what an ONNX network is made of, and try it; or what data are taken for, and what is in them.')
    .argument('<path>', 'ONNX file, exported from PyTorch, Keras or another framework; or a table, images or a text')
    .option('--json', 'print JSON')
    .addOption(new Option('--kind <kind>', 'take data for this').choices(['auto', ...KINDS]).default('auto'))
    .addOption(new Option('--tokens <way>', 'how a text is cut').choices(TOKENISERS).default('characters'))
    .option('--image-size <HxW>', 'resize pictures of different sizes, such as 160x160', imageSize)
    .option('--sheet <file>', 'write thumbnails of each class as a PNG')
    .addHelpText(
      'after',
      `
Examples:
  $ smile inspect trained.onnx
  $ smile inspect trained.onnx --json | jq '.tensors[].name'
  $ smile fit houses.csv --model trained.onnx --parameters last
  $ smile inspect train-images-idx3-ubyte.gz --sheet sheet.png
  $ smile inspect plays.txt --kind text --tokens gpt2

Every operator that cannot be differentiated is named, with its node. One gradient is taken on made-up rows, as a fit
would take it; the exit code is 1 where a fit would fail.`,
    )
    .action(async (path: string, { json, ...asked }: DataFlags & { json?: boolean }) => {
      if (!path.endsWith('.onnx')) {
        const facts = await inspectData(path, asked);
        console.log(json ? JSON.stringify(facts, null, 2) : dataText(facts));
        return;
      }
      const network = readNetwork(path);
      const tried = await trial(network);
      const found = { ...summary(network), trial: tried };
      console.log(json ? JSON.stringify(found, null, 2) : text(found));
      if ('fault' in tried) process.exitCode = 1;
    });
}

function imageSize(text: string): readonly [number, number] {
  const [, height, width] = /^(\d+)x(\d+)$/.exec(text) ?? [];
  if (Number(height) > 0 && Number(width) > 0) return [Number(height), Number(width)];
  throw new InvalidArgumentError('Expected height and width such as 160x160.');
}

/** What a fit would meet, with all learned tensors and with those of the last layer. */
async function trial(network: OnnxNetwork): Promise<{ all: Trial; last: Trial } | { fault: string }> {
  try {
    return { all: await tryNetwork(network, 'all'), last: await tryNetwork(network, 'last') };
  } catch (cause) {
    return { fault: (cause as Error).message };
  }
}

function summary({ source, opset, onnx, row, outputs, ending, tensors, last, notes }: OnnxNetwork) {
  const operators: Record<string, number> = {};
  for (const { opType } of onnx.graph.node) operators[opType] = (operators[opType] ?? 0) + 1;
  return {
    source,
    producer: onnx.producerName ?? '',
    opset,
    rowShape: row,
    outputs,
    ending: { kind: ending.kind, operators: ending.operators },
    notes,
    operators,
    tensors: tensors.map(({ name, shape, learned, reason }) => ({
      name,
      shape,
      numbers: sizeOf(shape),
      learned,
      ...(reason && { reason }),
      lastLayer: last.includes(name),
    })),
  };
}

type Summary = ReturnType<typeof summary> & { readonly trial: Awaited<ReturnType<typeof trial>> };

function text(found: Summary): string {
  const { source, producer, opset, rowShape, outputs, notes, operators, tensors } = found;
  const total = (some: typeof tensors) => some.reduce((sum, { numbers }) => sum + numbers, 0).toLocaleString('en');
  const all = tensors.filter(({ learned }) => learned);
  const lastOnes = tensors.filter(({ lastLayer }) => lastLayer);
  const width = Math.max(...tensors.map(({ name }) => name.length), 6);
  const standing = ({ lastLayer, reason }: Summary['tensors'][number]) =>
    reason ? `  not learned, it seems: ${reason}; sampled only when named` : lastLayer ? '  last layer' : '';
  return [
    `${source}: opset ${opset}${producer && `, made by ${producer}`}`,
    `rows of [${rowShape.join(', ')}] to ${outputs} output${outputs === 1 ? '' : 's'}${endingText(found)}`,
    ...notes,
    `operators: ${Object.entries(operators)
      .map(([type, count]) => `${type} × ${count}`)
      .join(', ')}`,
    '',
    `${'tensor'.padEnd(width)}  ${'numbers'.padStart(10)}  shape`,
    ...tensors.map(
      (tensor) =>
        `${tensor.name.padEnd(width)}  ${tensor.numbers.toLocaleString('en').padStart(10)}  [${tensor.shape.join(', ')}]${standing(tensor)}`,
    ),
    '',
    `--parameters all: ${total(all)} numbers in ${all.length} tensors; last: ${total(lastOnes)} in ${lastOnes.length}`,
    trialText(found),
  ].join('\n');
}

function endingText({ ending: { kind, operators } }: Summary): string {
  const what = operators.join(' of ');
  if (kind === 'none') return '';
  if (kind === 'sigmoids')
    return `; ${what} at the end, of each output by itself, which is no distribution over classes`;
  return `; ${what} at the end: left off for classes, which are sampled by their logits, kept for a real target`;
}

function trialText({ trial }: Summary): string {
  if ('fault' in trial) return `tried on made-up rows: a fit would fail. ${trial.fault}`;
  const remarks = [...new Set([...trial.all.remarks, ...trial.last.remarks])];
  const target = trial.all.classes > 0 ? `${trial.all.classes} classes` : 'a real target';
  const well = `compiles and has gradients for ${target}`;
  return `tried on made-up rows: ${remarks.length > 0 ? remarks.join('; ') : well}`;
}
