/** Writes the JSON Schema of the configuration file to schema/fit.json. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { fitSchema } from '../src/spec/spec.ts';

const folder = resolve(import.meta.dirname, '..', 'schema');
mkdirSync(folder, { recursive: true });
const schema = { title: 'smile fit configuration', ...z.toJSONSchema(fitSchema, { io: 'input' }) };
writeFileSync(join(folder, 'fit.json'), `${JSON.stringify(schema, null, 2)}\n`);
