/** Tagged errors. Every message reads `where: expected X, got Y. Do Z.` */

/** The field of the product an error belongs to; the command line prints it and programs branch on it. */
export type ErrorTag = 'DataError' | 'SpecError' | 'ShapeError' | 'StoreError' | 'EngineError' | 'TakenOver';

/** An error that a user can act on. */
export class SmileError extends Error {
  /** Which part of the product refused. */
  readonly tag: ErrorTag;

  constructor(tag: ErrorTag, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = tag;
    this.tag = tag;
  }
}

/** An error as it was thrown, where a thread's border has taken its class away. */
export const revived = (error: Error): Error =>
  'tag' in error ? new SmileError(error.tag as ErrorTag, error.message, { cause: error }) : error;

const tagged = (tag: ErrorTag) => (message: string, options?: ErrorOptions) => new SmileError(tag, message, options);

/** Bad rows, columns or files of data. */
export const dataError = tagged('DataError');
/** A bad option or configuration field. */
export const specError = tagged('SpecError');
/** Tensor shapes that do not fit. */
export const shapeError = tagged('ShapeError');
/** A run directory or file in it that is missing, torn or of another version. */
export const storeError = tagged('StoreError');
/** A chain that another process has taken over: what this one had still to write is not written. */
export const takenOver = tagged('TakenOver');
/** A graph that the engine refuses, or a device that is not there. */
export const engineError = tagged('EngineError');
