/** The name and version that runs are stamped with. */
import manifest from '../../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
export const SOFTWARE = `${manifest.name} ${VERSION}`;
