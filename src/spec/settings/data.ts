/** Settings of the data: the target, how a table is read, and which rows are held out. */
import { z } from 'zod';
import { PIXEL_SCALES } from '../../data/image/prepare.ts';
import { KINDS } from '../../data/kinds.ts';
import { TOKENISERS } from '../../data/text/tokens.ts';
import { count, FLAGS } from './setting.ts';

const fraction = () => z.number().gt(0).lt(1);
const names = () => z.array(z.string()).default([]);

const DELIMITERS: Readonly<Record<string, string>> = {
  comma: ',',
  semicolon: ';',
  tab: '\t',
  bar: '|',
  space: ' ',
  '\\t': '\t',
};

const VALID = 'Rows for early stopping, σ and calibration';
const TEST = 'Rows for the last word';
const OWN = 'a file of their own, or a fraction';

/** A fraction of the rows, or a file of them. */
const rows = (fractionName: string, fileName: string) => (value: string | number) => ({
  [typeof value === 'number' ? fractionName : fileName]: value,
});

export const data = z
  .strictObject({
    kind: z
      .enum(['auto', ...KINDS])
      .default('auto')
      .describe('What the data are: a table, images with a class each, or a text; recognised when left out.')
      .register(FLAGS, { flag: '--kind <kind>', choices: KINDS }),
    pixels: z
      .enum(PIXEL_SCALES)
      .default('standardised')
      .describe(
        'Inputs of pixels 0 to 255: standardised by channel, unit (0 to 1), raw as they are, or imagenet (its mean and deviation).',
      )
      .register(FLAGS, { flag: '--pixels <scale>' }),
    size: z
      .tuple([count(), count()])
      .optional()
      .describe('Height and width that pictures are resized to. Default: as they are, all of one size.')
      .register(FLAGS, { flag: '--size <height,width>', reads: 'numbers' }),
    tokens: z
      .enum(TOKENISERS)
      .default('characters')
      .describe("Tokens of a text: its characters, or GPT-2's byte pairs.")
      .register(FLAGS, { flag: '--tokens <kind>' }),
    target: z
      .union([z.string(), z.int()])
      .default(-1)
      .describe('Target column: name, or index from 0; negative from the end.')
      .register(FLAGS, { flag: '-t, --target <column>', reads: 'column', usual: 'the last column' }),
    task: z
      .enum(['auto', 'regression', 'classification'])
      .default('auto')
      .describe('Whether the target is a number or a class; recognised by its values when left out.')
      .register(FLAGS, { flag: '--task <task>', choices: ['regression', 'classification'] }),
    delimiter: z
      .enum(['auto', ',', ';', '\t', '|', ' '])
      .default('auto')
      .describe('What separates columns: comma, semicolon, tab, bar or space; recognised when left out.')
      .register(FLAGS, {
        flag: '--delimiter <char>',
        reads: 'text',
        to: (word: string) => ({ delimiter: DELIMITERS[word] ?? word }),
      }),
    decimal: z
      .enum(['auto', '.', ','])
      .default('auto')
      .describe('Decimal mark of numbers that show none themselves, such as 1,234.')
      .register(FLAGS, {
        flag: '--decimal <mark>',
        choices: ['point', 'comma'],
        to: (word: string) => ({ decimal: word === 'comma' ? ',' : '.' }),
      }),
    header: z
      .union([z.boolean(), z.literal('auto')])
      .default('auto')
      .describe('The first line names the columns; recognised when left out.')
      .register(FLAGS, { flag: '--header', no: 'the first line is data' }),
    categorical: names().describe('Columns to be read as categories although they look numeric.').register(FLAGS, {
      flag: '--categorical <columns>',
      says: 'columns to read as categories although they look numeric: a line of CSV, again and again',
    }),
    exclude: names()
      .describe('Columns to leave out.')
      .register(FLAGS, { flag: '--exclude <columns>', says: 'columns to leave out, likewise' }),
    keep: names().describe('Columns to use although they look like identifiers.').register(FLAGS, {
      flag: '--keep <columns>',
      says: 'columns to use although they look like identifiers, likewise',
    }),
    missing: names().describe('Words that stand for a missing value besides the usual ones.').register(FLAGS, {
      flag: '--missing <words>',
      says: 'words that stand for a missing value besides the usual ones, likewise',
    }),
    notMissing: names()
      .describe('Usual words for a missing value that are categories or classes here, such as NA.')
      .register(FLAGS, { flag: '--not-missing <words>' }),
    standardise: z
      .enum(['train', 'all', 'none'])
      .default('train')
      .describe(
        "Rows that give mean and deviation; 'all' is the paper's protocol and lets the test rows in; 'none' leaves the features as they are.",
      )
      .register(FLAGS, { flag: '--standardise <rows>' }),
    valid: fraction()
      .default(0.1)
      .describe(`${VALID}: a fraction of all, or validFile.`)
      .register(FLAGS, {
        flag: '--valid <rows>',
        reads: 'file or fraction',
        says: `${VALID}: ${OWN}`,
        to: rows('valid', 'validFile'),
      }),
    test: fraction()
      .default(0.2)
      .describe(`${TEST}: a fraction of all, or testFile.`)
      .register(FLAGS, {
        flag: '--test <rows>',
        reads: 'file or fraction',
        says: `${TEST}: ${OWN}`,
        to: rows('test', 'testFile'),
      }),
    validFile: z.string().optional().describe('File of validation rows to use instead of a fraction of the rows.'),
    testFile: z.string().optional().describe('File of test rows to use instead of a fraction of the rows.'),
  })
  .prefault({});
