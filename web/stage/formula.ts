/**
 * A log density typed by the user, with its gradient: the expression becomes a tape of operations on dual numbers, each a value
 * and its two partial derivatives.
 */
import cos from '@stdlib/math-base-special-cos';
import sin from '@stdlib/math-base-special-sin';
import jsep, { type Expression } from 'jsep';

/** Value and partial derivatives of the formula at (x, y), written to `out` `[3]`. */
export type Formula = (x: number, y: number, out: Float64Array) => void;

jsep.addBinaryOp('^', 12, true);
jsep.hooks.add('gobble-token', signed);

/** What jsep tells its hooks, as far as it is used here. */
interface Parser {
  index: number;
  readonly char: string;
  readonly expr: string;
  gobbleToken(): Expression | false | undefined;
  gobbleSpaces(): void;
  throwError(message: string): never;
}

/** A sign binds less than a power: −x² is −(x²). jsep alone would read (−x)². */
function signed(this: Parser, environment: { node?: Expression | false }): void {
  const operator = this.char;
  if (operator !== '-' && operator !== '+') return;
  this.index++;
  environment.node = { type: 'UnaryExpression', operator, argument: powers(this), prefix: true } as Expression;
}

function powers(parser: Parser): Expression {
  parser.gobbleSpaces();
  const left = parser.gobbleToken();
  if (!left) return parser.throwError('Expected a value after the sign');
  parser.gobbleSpaces();
  const length = ['**', '^'].find((sign) => parser.expr.startsWith(sign, parser.index))?.length;
  if (length === undefined) return left;
  parser.index += length;
  return { type: 'BinaryExpression', operator: '^', left, right: powers(parser) } as Expression;
}

/** a^b by multiplication where b is a small whole number, so that every engine finds the same bits. */
function power(a: number, b: number): number {
  if (!Number.isInteger(b) || Math.abs(b) > LARGEST_PRODUCT) return Math.exp(b * Math.log(a));
  let product = 1;
  for (let k = Math.abs(b); k > 0; k--) product *= a;
  return b < 0 ? 1 / product : product;
}

const LARGEST_PRODUCT = 16;

/** f(a), and its derivative from a and f(a). */
type Unary = readonly [value: (a: number) => number, slope: (a: number, value: number) => number];
const FUNCTIONS: Readonly<Record<string, Unary>> = {
  exp: [Math.exp, (_, v) => v],
  log: [Math.log, (a) => 1 / a],
  sqrt: [Math.sqrt, (_, v) => 0.5 / v],
  abs: [Math.abs, (a) => Math.sign(a)],
  sin: [sin, (a) => cos(a)],
  cos: [cos, (a) => -sin(a)],
  tanh: [(a) => 1 - 2 / (Math.exp(2 * a) + 1), (_, v) => 1 - v * v],
};
const CONSTANTS: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E };

/** Writes slot `at` of the tape from its arguments' slots. */
type Operation = (v: Float64Array, x: Float64Array, y: Float64Array) => void;

/** Parses a formula in x and y. Throws an `Error` whose message says what was expected and where. */
export function parseFormula(text: string): Formula {
  let tree: Expression;
  try {
    tree = jsep(text);
  } catch (cause) {
    const { description, index } = cause as { description?: string; index?: number };
    throw new Error(`formula: ${description ?? String(cause)} at character ${(index ?? 0) + 1}. Correct it.`);
  }
  const tape: Operation[] = [];
  const starts: number[] = [];
  const slot = (start = 0) => starts.push(start) - 1;
  const [xSlot, ySlot] = [slot(), slot()];

  const binary = (operator: string, a: number, b: number): number => {
    const out = slot();
    const rules: Record<string, Operation> = {
      '+': (v, x, y) => {
        v[out] = v[a] + v[b];
        x[out] = x[a] + x[b];
        y[out] = y[a] + y[b];
      },
      '-': (v, x, y) => {
        v[out] = v[a] - v[b];
        x[out] = x[a] - x[b];
        y[out] = y[a] - y[b];
      },
      '*': (v, x, y) => {
        v[out] = v[a] * v[b];
        x[out] = x[a] * v[b] + v[a] * x[b];
        y[out] = y[a] * v[b] + v[a] * y[b];
      },
      '/': (v, x, y) => {
        v[out] = v[a] / v[b];
        x[out] = (x[a] - v[out] * x[b]) / v[b];
        y[out] = (y[a] - v[out] * y[b]) / v[b];
      },
      '^': (v, x, y) => {
        v[out] = power(v[a], v[b]);
        const base = v[b] * power(v[a], v[b] - 1);
        const exponent = x[b] === 0 && y[b] === 0 ? 0 : v[out] * Math.log(v[a]);
        x[out] = base * x[a] + exponent * x[b];
        y[out] = base * y[a] + exponent * y[b];
      },
    };
    const rule = rules[operator === '**' ? '^' : operator];
    if (!rule) throw new Error(`formula: expected + - * / or ^, got '${operator}'. Correct it.`);
    tape.push(rule);
    return out;
  };

  const visit = (node: Expression): number => {
    if (node.type === 'Literal' && typeof node.value === 'number') return slot(node.value);
    if (node.type === 'Identifier') {
      const name = node.name as string;
      if (name === 'x' || name === 'y') return name === 'x' ? xSlot : ySlot;
      if (name in CONSTANTS) return slot(CONSTANTS[name]);
      throw new Error(`formula: expected x, y, pi or e, got '${name}'. Correct it.`);
    }
    if (node.type === 'UnaryExpression' && node.operator === '-') {
      return binary('-', slot(), visit(node.argument as Expression));
    }
    if (node.type === 'UnaryExpression' && node.operator === '+') return visit(node.argument as Expression);
    if (node.type === 'BinaryExpression') {
      return binary(node.operator as string, visit(node.left as Expression), visit(node.right as Expression));
    }
    if (node.type === 'CallExpression') {
      const { callee, arguments: given } = node as unknown as { callee: Expression; arguments: Expression[] };
      const rule = FUNCTIONS[callee.name as string];
      if (!rule) {
        const known = Object.keys(FUNCTIONS).join(', ');
        throw new Error(`formula: expected one of ${known}, got '${callee.name}'. Correct it.`);
      }
      if (given.length !== 1)
        throw new Error(`formula: expected one argument of ${callee.name}, got ${given.length}. Correct it.`);
      const a = visit(given[0]);
      const out = slot();
      const [value, slope] = rule;
      tape.push((v, x, y) => {
        v[out] = value(v[a]);
        const s = slope(v[a], v[out]);
        x[out] = s * x[a];
        y[out] = s * y[a];
      });
      return out;
    }
    throw new Error('formula: expected an expression such as -0.5*(x^2 + y^2), got something else. Correct it.');
  };

  const result = visit(tree);
  const v = Float64Array.from(starts);
  const dx = new Float64Array(v.length);
  const dy = new Float64Array(v.length);
  dx[xSlot] = 1;
  dy[ySlot] = 1;
  return (x, y, out) => {
    v[xSlot] = x;
    v[ySlot] = y;
    for (const operation of tape) operation(v, dx, dy);
    out[0] = v[result];
    out[1] = dx[result];
    out[2] = dy[result];
  };
}
