/** What a setting is beside its schema: the flag of the command that gives it. */
import { z } from 'zod';

/** How the words after a flag are read; else the kind of the setting says it: a number, one of its choices, names, or nothing. */
export type Reading = 'column' | 'file or fraction' | 'files' | 'list' | 'number or auto' | 'numbers' | 'text' | 'time';

export interface Flag {
  /** As help shows it, such as `-t, --target <column>`. */
  readonly flag: string;
  /** What the same flag with `--no-` before it says; absent where there is none. */
  readonly no?: string;
  /** What help says of it; default: the first sentence of its description. */
  readonly says?: string;
  /** Words for what is usual, where help should show no plain value. */
  readonly usual?: string;
  readonly reads?: Reading;
  /** Words that are allowed, where they are not the setting's own. */
  readonly choices?: readonly string[];
  /** Settings of the section that a value of the flag amounts to; default: this setting with that value. */
  to?(value: never): Readonly<Record<string, unknown>>;
}

/** The flags by schema. */
export const FLAGS = z.registry<Flag>();

/** One setting of the configuration. */
export interface Setting {
  /** Its section, absent at the top level, and its name. */
  readonly section?: string;
  readonly name: string;
  readonly description: string;
  /** Undefined where it has none. */
  readonly usual: unknown;
  /** Its values, without the default. */
  readonly kind: z.ZodType;
  readonly flag?: Flag;
}

/** As a configuration and errors name it, such as `sampler.thin`. */
export const nameOf = ({ section, name }: Setting): string => (section === undefined ? name : `${section}.${name}`);

/** Every setting of a schema of sections, in its order. */
export function settingsOf(schema: z.ZodObject, section?: string): Setting[] {
  return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([name, field]) => {
    const { kind, usual } = unwrapped(field);
    if (kind instanceof z.ZodObject && section === undefined) return settingsOf(kind, name);
    const flag = FLAGS.get(field);
    return [
      {
        ...(section && { section }),
        name,
        description: field.description ?? kind.description ?? '',
        usual,
        kind,
        ...(flag && { flag }),
      },
    ];
  });
}

/** A schema without the default, or the leave to be absent, around it. */
function unwrapped(field: z.ZodType): { readonly kind: z.ZodType; readonly usual: unknown } {
  if (field instanceof z.ZodDefault)
    return { ...unwrapped(field.unwrap() as z.ZodType), usual: field.def.defaultValue };
  if (field instanceof z.ZodOptional || field instanceof z.ZodPrefault) return unwrapped(field.unwrap() as z.ZodType);
  return { kind: field, usual: undefined };
}

export const count = () => z.int().positive();
export const positive = () => z.number().positive();
