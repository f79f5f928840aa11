/** The package as users run it, in processes of its own; `build.ts` says where it lies. */
import { join } from 'node:path';
import { inject } from 'vitest';

/** Path of a built file, such as `cli.js`. */
export const built = (file: string): string => join(inject('built'), file);
