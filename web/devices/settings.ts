/** What the devices page samples. */
export const SAMPLER = 'psmile-naive';
/** Parameters of LeNet. */
export const DIMENSION = 61_706;
/** Pictures to learn from, and others to be read. */
export const TRAINING = 320;
export const HELD_OUT = 300;
/** Pictures of one gradient. */
export const BATCH = 32;
/** Steps of AdamW, and of the chain before its positions are draws. */
export const TRAINED = 400;
export const WARMUP = 600;
/** Steps between two draws. */
export const THIN = 10;
