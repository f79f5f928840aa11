/** Readers of images, texts and typed tables against files made by NumPy, Pillow and pyarrow (`fixtures/data/make.py`), and against broken ones. */
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import type { ImageFile, ImageOptions } from '../../src/data/image/file.ts';
import { imageTensors, prepareImages, replayImages, storedImages } from '../../src/data/image/prepare.ts';
import { recognise } from '../../src/data/kinds.ts';
import { readNumpy } from '../../src/data/numpy.ts';
import { allTexts } from '../../src/data/table/cells.ts';
import { readTable } from '../../src/data/table/read.ts';
import { prepareText, storedText, textTensors } from '../../src/data/text/prepare.ts';
import { readText } from '../../src/data/text/read.ts';
import { tokeniser } from '../../src/data/text/tokens.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/data');
const fixture = (path: string) => join(FIXTURES, path);
const folder = mkdtempSync(join(tmpdir(), 'smile-sources-'));
const made = (name: string, content: string | Uint8Array) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
afterAll(() => rmSync(folder, { recursive: true }));

async function readImages(path: string, options: ImageOptions = {}, part?: 'test'): Promise<ImageFile> {
  const found = await recognise(path, 'image');
  if (found.kind !== 'image') throw new Error(found.kind);
  return found.format.read(path, options, part);
}
const testOf = async (path: string) => {
  const found = await recognise(path);
  return found.kind === 'image' ? found.format.test(path) : undefined;
};
/** What `make.py` puts at image n, channel c, line y, column x. */
const values = (ns: readonly number[], channels: number, height: number, width: number) =>
  ns.flatMap((n) =>
    Array.from({ length: channels * height * width }, (_, i) => {
      const [c, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
      return (7 * n + 50 * c + 10 * y + 3 * x) % 256;
    }),
  );
const upTo = (n: number) => Array.from({ length: n }, (_, k) => k);
const named = ({ labels, classes }: ImageFile) => Array.from(labels, (label) => classes[label]);

describe('images', () => {
  it.each([
    ['idx/train-images-idx3-ubyte', 12, [1, 5, 4], upTo(12).map((n) => String(n % 3))],
    ['idx/t10k-images-idx3-ubyte.gz', 6, [1, 5, 4], upTo(6).map((n) => String(n % 3))],
    ['cifar/test_batch.bin.gz', 1, [3, 32, 32], ['cat']],
    ['cifar/hundred.bin.gz', 2, [3, 32, 32], ['60', '61']],
    ['numpy/grey.npz', 12, [1, 5, 4], upTo(12).map((n) => String(10 * (n % 3) - 10))],
    ['numpy/keras.npz', 12, [3, 5, 4], upTo(12).map((n) => ['cat', 'dog', 'ünder'][n % 3])],
    ['numpy/x.npy', 12, [3, 5, 4], upTo(12).map((n) => String(n % 3))],
    ['pictures', 6, [3, 5, 4], upTo(6).map((n) => (n < 3 ? 'cat' : 'dog'))],
    ['parquet/train-00000.parquet', 6, [3, 5, 4], ['cat', 'dog', 'cat', 'dog', 'eel', 'cat']],
    ['parquet/plain.parquet', 4, [3, 5, 4], ['b', 'a', 'a', 'b']],
  ])('%s holds what was written', async (path, count, shape, classes) => {
    const file = await readImages(fixture(path));
    expect(file.shape).toEqual(shape);
    expect([...file.pixels]).toEqual(values(upTo(count), shape[0], shape[1], shape[2]));
    expect(named(file)).toEqual(classes);
  });

  it('batches of a folder are one set', async () => {
    const file = await readImages(fixture('cifar'));
    expect([...file.pixels]).toEqual(values([0, 1, 2, 3, 0, 1, 2, 3], 3, 32, 32));
    expect(named(file).join()).toBe('automobile,bird,cat,deer,bird,cat,deer,dog');
  });

  it('official test images are found', async () => {
    expect(await testOf(fixture('idx/train-images-idx3-ubyte'))).toBe(fixture('idx/t10k-images-idx3-ubyte.gz'));
    expect(await testOf(fixture('cifar'))).toBe(fixture('cifar/test_batch.bin.gz'));
    expect(await testOf(fixture('mixed'))).toBe(fixture('mixed/val'));
    expect(await testOf(fixture('parquet/train-00000.parquet'))).toBe(fixture('parquet/test-00000.parquet'));
    expect(await testOf(fixture('numpy/keras.npz'))).toBe(fixture('numpy/keras.npz'));
    expect(await testOf(fixture('pictures'))).toBeUndefined();
    expect((await readImages(fixture('numpy/keras.npz'), {}, 'test')).labels.length).toBe(3);
  });

  it('pictures are resized, grey ones and transparent ones told', async () => {
    const file = await readImages(fixture('mixed'), { size: [24, 24] });
    expect([file.shape, named(file)]).toEqual([
      [3, 24, 24],
      ['a', 'a', 'b', 'b'],
    ]);
    const ramp = (i: number) => 10 * (i % 24);
    const picture = (k: number) => file.pixels.subarray(k * 3 * 576, (k + 1) * 3 * 576);
    const jpeg = readNumpy(fixture('mixed/one.npy')).get('')!.data as Uint8Array;
    // Decoders of JPEG may round the cosine transform otherwise.
    expect(Math.max(...picture(0).map((value, i) => Math.abs(value - jpeg[i])))).toBeLessThanOrEqual(3);
    expect([...picture(1)]).toEqual(Array.from({ length: 3 * 576 }, (_, i) => ramp(i)));
    expect(picture(2)).toEqual(picture(1));
    expect([...picture(3)]).toEqual(upTo(3 * 576).map((i) => (ramp(i) < 120 ? 0 : ramp(i))));
    expect(file.notes.join('; ')).toMatch(
      /1 of 4 pictures were resized to 24 × 24; .*2 of 4 pictures are grey.*1 of 4 pictures have transparent/,
    );
    await expect(readImages(fixture('mixed'))).rejects.toThrow(
      /four\.png: expected 24 × 24 pixels as .*one\.jpg has, got 12 × 24\. Say with/,
    );
  });

  it('are split, scaled and stored, and come back as they were', async () => {
    const train = await readImages(fixture('idx/train-images-idx3-ubyte'));
    const test = await readImages(fixture('idx/t10k-images-idx3-ubyte.gz'));
    const options = { seed: 3, valid: 0.25, test: 0.2, pixels: 'standardised' } as const;
    const { preprocessing, data, notes } = prepareImages({ train, test }, options);
    expect([data.train.count, data.valid.count, data.test.count]).toEqual([9, 3, 6]);
    expect([...data.train.rows, ...data.valid.rows].toSorted((a, b) => a - b)).toEqual(upTo(12).map((n) => n + 1));
    expect([...data.test.y]).toEqual([0, 1, 2, 0, 1, 2]);
    const x = new Float32Array(9 * 20);
    data.train.gather(data.train.order(9), x, new Float32Array(27));
    const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
    expect(Math.abs(mean)).toBeLessThan(1e-6);
    expect(Math.abs(x.reduce((sum, v) => sum + v * v, 0) / x.length - 1)).toBeLessThan(1e-6);
    expect(notes.join('; ')).toMatch(
      /12 images of 5 × 4 grey; .*3 classes; rows: 9 train, 3 valid, 6 test; pixels are standardised/,
    );
    const back = storedImages(preprocessing, imageTensors(data));
    for (const name of ['train', 'valid', 'test'] as const) {
      const [a, b] = [data[name], back[name]].map((rows) => {
        const inputs = new Float32Array(rows.count * rows.inputs);
        rows.gather(rows.order(rows.count), inputs, new Float32Array(rows.count * 3));
        return [inputs, rows.y, rows.rows];
      });
      expect(b).toEqual(a);
    }
    expect(Object.keys(imageTensors(data)).sort()).toEqual([
      'row.test',
      'row.train',
      'row.valid',
      'x',
      'x.test',
      'y',
      'y.test',
    ]);
    expect([...replayImages(preprocessing, test).y]).toEqual([...data.test.y]);
    expect(() => replayImages(preprocessing, { ...test, shape: [1, 4, 5] })).toThrow(
      /expected images of 5 × 4 grey as in training, got 4 × 5 grey/,
    );
    expect(() => replayImages(preprocessing, { ...test, classes: ['0', '1', 'x'] })).toThrow(
      /expected images of the classes 0, 1, 2, got x too/,
    );
    const scaled = (pixels: 'raw' | 'unit' | 'imagenet') =>
      prepareImages({ train }, { ...options, pixels }).preprocessing;
    expect([scaled('raw').shift, scaled('raw').scale, scaled('unit').scale]).toEqual([[0], [1], [1 / 255]]);
    expect(scaled('imagenet').shift).toEqual([255 * 0.485]);
  });
});

describe('broken and hostile images', () => {
  const bytes = (path: string) => readFileSync(fixture(path));
  const pair = (name: string, images: Uint8Array, labels: Uint8Array) => {
    made(`${name}-labels-idx1-ubyte`, labels);
    return made(`${name}-images-idx3-ubyte`, images);
  };
  const [grey, label] = [bytes('idx/train-images-idx3-ubyte'), bytes('idx/train-labels-idx1-ubyte')];
  const changed = (from: Uint8Array, at: number, value: number) => {
    const copy = Uint8Array.from(from);
    copy[at] = value;
    return copy;
  };
  const withPicture = (file: string) => {
    const path = join(folder, `with-${file}`);
    cpSync(fixture('pictures'), path, { recursive: true });
    copyFileSync(fixture(`bad/${file}`), join(path, 'dog', file));
    return path;
  };
  const linked = () => {
    const path = join(folder, 'linked');
    cpSync(fixture('pictures'), path, { recursive: true });
    symlinkSync(fixture('mixed/train/a/two.png'), join(path, 'dog', 'away.png'));
    return path;
  };
  const emptied = () => {
    const path = join(folder, 'emptied');
    cpSync(fixture('pictures'), path, { recursive: true });
    mkdirSync(join(path, 'eel'));
    return path;
  };

  it.each<[string, () => string, RegExp]>([
    [
      'cut off',
      () => pair('cut', grey.subarray(0, 100), label),
      /cut-images.*expected 240 bytes behind the header, got 84\./,
    ],
    [
      'too long',
      () => pair('long', Buffer.concat([grey, grey]), label),
      /expected 240 bytes behind the header, got more/,
    ],
    [
      'of another magic',
      () => pair('magic', changed(grey, 3, 1), label),
      /expected IDX images \(magic 2051\), got magic 2049/,
    ],
    ['a header alone', () => pair('head', grey.subarray(0, 9), label), /expected a header of 16 bytes, got 9/],
    [
      'said to be a terabyte',
      () => pair('huge', changed(changed(grey, 4, 255), 8, 1), label),
      /expected at most 1 GB of pixels, got 42781.* images/,
    ],
    ['none at all', () => pair('none', changed(grey, 7, 0), label), /expected images, got sizes 0 × 5 × 4/],
    [
      'labels of others',
      () => fixture('idx/short-images-idx3-ubyte'),
      /short-labels.*expected a label for each of the 12 images.*got 11/,
    ],
    [
      'labels that are images',
      () => pair('twice', grey, grey),
      /twice-labels.*expected IDX labels \(magic 2049\), got magic 2051/,
    ],
    [
      'no labels',
      () => made('alone-images-idx3-ubyte', grey),
      /expected the labels in .*alone-labels-idx1-ubyte, got no such file/,
    ],
    ['a torn gzip', () => made('torn-images-idx3-ubyte.gz', gzipSync(grey).subarray(0, 60)), /torn.*expected/],
    [
      'records cut off',
      () => made('cut.bin', bytes('cifar/data_batch_1.bin').subarray(0, 4000)),
      /expected records of 3073 bytes .*got 4000 bytes/,
    ],
    [
      'records of other labels',
      () => made('labels.bin', changed(bytes('cifar/data_batch_1.bin'), 3073, 12)),
      /expected labels below 10, got 12 in record 2/,
    ],
    ['an empty file', () => made('empty.bin', ''), /expected records .*got 0 bytes/],
    ['fractions', () => fixture('numpy/float.npz'), /x: expected pixels as uint8, got float64/],
    ['other names', () => fixture('numpy/other.npz'), /expected images \(IDX/],
    [
      'labels of another number',
      () => fixture('numpy/uneven.npz'),
      /y: expected a label for each of 12 images, got \[11\]/,
    ],
    ["Fortran's order", () => fixture('numpy/fortran.npy'), /expected rows first, got an array in Fortran's order/],
    [
      'a torn archive',
      () => made('torn.npz', bytes('numpy/grey.npz').subarray(0, 200)),
      /torn\.npz: expected a whole \.npz/,
    ],
    ['CMYK', () => withPicture('cmyk.jpg'), /cmyk\.jpg: expected grey or RGB, got CMYK\. Convert/],
    ['16 bits', () => withPicture('deep.png'), /deep\.png: expected 8 bits a channel, got 16\./],
    [
      'an animation under a wrong name',
      () => withPicture('animated.png'),
      /animated\.png: expected PNG or JPEG, got gif/,
    ],
    ['a picture cut off', () => withPicture('cut.png'), /cut\.png: expected a whole PNG or JPEG, got/],
    ['words', () => withPicture('words.png'), /words\.png: expected a whole PNG or JPEG, got/],
    ['an empty picture', () => withPicture('empty.png'), /empty\.png: expected a whole PNG or JPEG, got/],
    ['a bomb', () => withPicture('bomb.png'), /bomb\.png: expected .*(more than 50 million pixels|at most 50 million)/],
    ['a link out of the folder', linked, /away\.png: expected a picture in its folder, got a link out of it/],
    ['a class without pictures', emptied, /eel: expected PNG or JPEG files, got none/],
    [
      'a row without a label',
      () => fixture('parquet/missing.parquet'),
      /missing\.parquet, column label, row 2: expected a class, got/,
    ],
    ['a folder of nothing', () => join(FIXTURES, 'parquet'), /expected images .*got a folder without/],
    ['no file', () => join(folder, 'nowhere'), /nowhere: expected a readable data file, got no such file/],
  ])('%s', async (_, path, message) => {
    const reading = readImages(path());
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toMatchObject({ tag: 'DataError' });
  });

  it('more pixels than allowed are refused before they are read', async () => {
    await expect(readImages(fixture('pictures'), { maxUnpacked: 300 })).rejects.toThrow(
      /expected at most 3e-7 GB of pixels, got 6 images of 5 × 4 RGB/,
    );
    await expect(readImages(fixture('numpy/keras.npz'), { maxUnpacked: 600 })).rejects.toThrow(
      /expected at most 6e-7 GB/,
    );
  });
});

describe('tables in other formats', () => {
  const columns = async (path: string) => {
    const table = await readTable(path);
    return Object.fromEntries(table.names.map((name, j) => [name, allTexts(table.columns[j])]));
  };

  it('Parquet, JSON Lines and NumPy say what delimited text would', async () => {
    const { size, colour, day, count, where } = await columns(fixture('parquet/table.parquet'));
    expect([size.slice(0, 4), colour.slice(0, 4)]).toEqual([
      ['1.5', '', '0.1', '4'],
      ['red', 'blue', '', 'red'],
    ]);
    expect([day.slice(0, 2), count[0], where]).toEqual([['1970-01-01', '1970-01-02'], '9007199254740992', undefined]);
    expect((await readTable(fixture('parquet/table.parquet'))).notes).toEqual([
      '20 rows, 4 columns, Parquet',
      'columns of records were left out: where',
    ]);
    const lines = made('t.jsonl', '{"a":1,"b":"x"}\n\n{"a":2.5,"c":[1]}\n');
    expect(await columns(lines)).toEqual({ a: ['1', '2.5'], b: ['x', ''], c: ['', '[1]'] });
    const numbers = await columns(fixture('numpy/table.npy'));
    expect(numbers.x1).toEqual(upTo(20).map((i) => String(i / 8)));
    const both = await columns(fixture('numpy/table.npz'));
    expect([both.x2[3], both.y]).toEqual(['1', upTo(20).map((i) => String(i % 2))]);
  });

  it.each<[string, () => string, RegExp]>([
    [
      'JSON that is none',
      () => made('bad.jsonl', '{"a":1}\n{"a":\n'),
      /bad\.jsonl:2: expected a JSON object, got \{"a":\./,
    ],
    ['numbers alone', () => made('list.jsonl', '[1,2]\n'), /list\.jsonl:1: expected a JSON object, got \[1,2\]/],
    ['no rows', () => made('empty.jsonl', '\n'), /expected rows of data, got none/],
    ['big-endian', () => fixture('numpy/big.npy'), /expected little-endian numbers, got '>i4'/],
    ['structured', () => fixture('numpy/structured.npy'), /expected plain numbers, got a structured array/],
    ['images', () => fixture('numpy/x.npy'), /expected numbers \[N, p\].*got \[12, 3, 5, 4\]/],
    [
      'cut off',
      () => made('cut.npy', readFileSync(fixture('numpy/table.npy')).subarray(0, 200)),
      /expected a whole \.npy file, got 72 bytes for \(20, 3\) of <f8/,
    ],
    [
      'no array',
      () => made('none.npy', 'words words words'),
      /expected a whole \.npy file, got one that does not begin as one/,
    ],
  ])('%s', async (_, path, message) => {
    await expect(readTable(path())).rejects.toThrow(message);
  });
});

describe('texts', () => {
  const words = "It's   a — text,\n\n  with\ttabs and   blanks  \n that ends.<|endoftext|> 1234 ünïcode 𝔘 ";

  it('by character: sorted symbols, tokens in bytes, back to the text', async () => {
    const path = made('words.txt', words);
    const prose = made('prose.txt', 'To be, or not\nto be:\nthat is the question\nwhether\n');
    expect(await recognise(prose)).toMatchObject({ kind: 'text' });
    const file = await readText(path, { tokens: 'characters' });
    const symbols = [...new Set(words)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
    expect(file.code).toEqual({ tokens: 'characters', symbols });
    expect([...file.tokens]).toEqual(Array.from(words, (one) => symbols.indexOf(one)));
    expect(file.tokens).toBeInstanceOf(Uint8Array);
    expect((await tokeniser(file.code)).decode([...file.tokens])).toBe(words);
    const again = readText(made('new.txt', 'tabs? é'), { tokens: 'characters' }, file.code);
    await expect(again).rejects.toThrow(
      /new\.txt: expected the \d+ characters of the training text, got others: "\?", "é"\. Replace/,
    );
  });

  it('by byte pairs: pieces of any size say what the whole says', async () => {
    const long = words.repeat(40_000);
    const path = made('long.txt.gz', gzipSync(long));
    const file = await readText(path, { tokens: 'gpt2' });
    const { encode, decode, vocabulary } = await tokeniser({ tokens: 'gpt2' });
    expect(encode('Hello, world! 2024')).toEqual([15496, 11, 995, 0, 48_609]);
    expect([vocabulary, file.vocabulary]).toEqual([50_257, 50_257]);
    const whole = Uint16Array.from(encode(long));
    expect(file.tokens.length).toBe(whole.length);
    expect(file.tokens.every((token, i) => token === whole[i])).toBe(true);
    expect(decode([...file.tokens.subarray(0, 60)])).toBe(decode([...whole.subarray(0, 60)]));
  });

  it('are split where they stand, stored once, and come back', async () => {
    const train = await readText(made('count.txt', 'abcdefghij'.repeat(20)), { tokens: 'characters' });
    const test = await readText(made('test.txt', 'jihgfedcba'.repeat(3)), { tokens: 'characters' }, train.code);
    const { data, preprocessing } = prepareText({ train, test }, { valid: 0.25, test: 0.3, length: 7 });
    expect([data.train, data.valid, data.test].map(({ tokens }) => tokens.length)).toEqual([150, 50, 30]);
    expect([...data.valid.tokens.subarray(0, 3), ...data.test.tokens.subarray(0, 3)]).toEqual([0, 1, 2, 9, 8, 7]);
    expect(preprocessing.vocabulary).toBe(10);
    const tensors = textTensors(data);
    expect(Object.keys(tensors).sort()).toEqual(['part.test', 'part.train', 'part.valid', 'x', 'x.test']);
    const back = storedText(tensors, 7);
    for (const name of ['train', 'valid', 'test'] as const) expect(back[name].tokens).toEqual(data[name].tokens);
    const short = () => prepareText({ train }, { valid: 0.05, test: 0.3, length: 7 });
    expect(short).toThrow(/count\.txt, valid: expected at least 14 tokens for windows of 7, got 10/);
  });

  it.each<[string, () => string | Uint8Array, RegExp]>([
    ['nothing', () => '', /expected a text, got an empty file/],
    ['other bytes', () => Uint8Array.of(65, 0xff, 0xfe, 66), /expected a text in UTF-8, got other bytes/],
  ])('%s', async (name, content, message) => {
    await expect(readText(made(`${name}.txt`, content()), { tokens: 'characters' })).rejects.toThrow(message);
  });

  it('a table in a .txt is a table', async () => {
    expect(
      (
        await recognise(
          made(
            't.txt',
            upTo(30)
              .map((i) => `${i} ${i * i} ${i / 7}`)
              .join('\n')
              .concat('\n'),
          ),
        )
      ).kind,
    ).toBe('table');
    expect((await recognise(fixture('numpy/table.npy'))).kind).toBe('table');
    expect((await recognise(fixture('parquet/table.parquet'))).kind).toBe('table');
  });
});
