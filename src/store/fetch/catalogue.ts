/**
 * Public data sets that a person may fetch: where each file lies, its size and checksum as far as they are known, and its terms. None is
 * part of this package.
 */

export interface CatalogueFile {
  readonly name: string;
  /** Absent where no address is known: the file is put in place by hand. */
  readonly url?: string;
  /** Bytes; absent where it is not known. */
  readonly size?: number;
  readonly sha256?: string;
  /** Where its maker publishes no other. */
  readonly md5?: string;
}

export interface CatalogueEntry {
  readonly name: string;
  readonly about: string;
  readonly licence: string;
  readonly files: readonly CatalogueFile[];
  /** What to give to `smile fit`, and what is to be unpacked before. */
  readonly use: string;
  /** Files that lie in what is unpacked, with their checksums. */
  readonly inside?: readonly CatalogueFile[];
}

const FASHION = 'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/';
const fashion = (name: string, size: number, sha256: string): CatalogueFile => ({
  name,
  url: FASHION + name,
  size,
  sha256,
});
const CC_BY = 'CC BY 4.0 (UCI Machine Learning Repository)';
const uci = (name: string, id: number, archive: string, about: string): CatalogueEntry => ({
  name,
  about,
  licence: CC_BY,
  files: [{ name: `${name}.zip`, url: `https://archive.ics.uci.edu/static/public/${id}/${archive}.zip` }],
  use: `unzip ${name}.zip`,
});

export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    name: 'fashion-mnist',
    about: '60,000 and 10,000 grey images of clothes, 28 × 28, 10 classes',
    licence: 'MIT (Zalando SE)',
    files: [
      fashion(
        'train-images-idx3-ubyte.gz',
        26_421_880,
        '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
      ),
      fashion('train-labels-idx1-ubyte.gz', 29_515, 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845'),
      fashion(
        't10k-images-idx3-ubyte.gz',
        4_422_102,
        '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
      ),
      fashion('t10k-labels-idx1-ubyte.gz', 5_148, '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5'),
    ],
    use: 'smile fit train-images-idx3-ubyte.gz --test t10k-images-idx3-ubyte.gz',
  },
  {
    name: 'cifar-10',
    about: '50,000 and 10,000 colour images, 32 × 32, 10 classes, as binary records',
    licence: 'none stated; cite Krizhevsky 2009',
    files: [{ name: 'cifar-10-binary.tar.gz', url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz' }],
    use: 'tar xzf cifar-10-binary.tar.gz; smile fit cifar-10-batches-bin --test cifar-10-batches-bin/test_batch.bin',
    inside: [
      {
        name: 'data_batch_1.bin',
        size: 30_730_000,
        sha256: 'cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5',
      },
      {
        name: 'test_batch.bin',
        size: 30_730_000,
        sha256: '8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b',
      },
    ],
  },
  {
    name: 'imagenette-160',
    about: '13,394 photographs of 10 classes, shorter side 160 pixels',
    licence: 'Apache-2.0 (fast.ai); the photographs keep their terms',
    files: [
      {
        name: 'imagenette2-160.tgz',
        url: 'https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz',
        md5: 'e793b78cc4c9e9a4ccc0c1155377a412',
      },
    ],
    use: 'tar xzf imagenette2-160.tgz; smile fit imagenette2-160 --test imagenette2-160/val',
  },
  {
    name: 'tinyshakespeare',
    about: '1,115,394 characters of plays, 65 symbols',
    licence: 'public domain text',
    files: [
      {
        name: 'tinyshakespeare.txt',
        url: 'https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt',
        size: 1_115_394,
        sha256: '86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed',
      },
    ],
    use: 'smile fit tinyshakespeare.txt --model gpt',
  },
  {
    name: 'modern-shakespeare',
    about: '1,142,198 characters of plays in present English, 65 symbols; no public address is known',
    licence: "its makers'",
    files: [
      {
        name: 'shakespeare_simple.txt',
        size: 1_143_042,
        sha256: 'd83bbd628037800327a0f4f2ee0434ce5e27a99056830178f1ae495dd7ac7d05',
      },
    ],
    use: 'smile fit shakespeare_simple.txt --model gpt',
  },
  uci('airfoil', 291, 'airfoil+self+noise', 'NASA airfoil noise, 1,503 × 6'),
  uci('bikesharing', 275, 'bike+sharing+dataset', 'hourly rentals, 17,379 rows'),
  uci('energy', 242, 'energy+efficiency', 'heating load of buildings, 768 rows'),
  uci('adult', 2, 'adult', 'census income, 48,842 rows'),
  uci('ionosphere', 52, 'ionosphere', 'radar returns, 351 × 35'),
];
