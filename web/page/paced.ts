/** Does `action` with the latest value, at most once every so many milliseconds, and never leaves the last one out. */
export function paced<T>(milliseconds: number, action: (value: T) => void): (value: T) => void {
  let latest: T;
  let waiting = false;
  let last = Number.NEGATIVE_INFINITY;
  const act = () => {
    waiting = false;
    last = performance.now();
    action(latest);
  };
  return (value) => {
    latest = value;
    if (waiting) return;
    const left = last + milliseconds - performance.now();
    if (left <= 0) act();
    else {
      waiting = true;
      setTimeout(act, left);
    }
  };
}
