/** `work`, or what `late` makes when it has taken too long; `work` itself goes on. */
export async function withinDeadline<T>(
  work: Promise<T>,
  deadlineMs: number,
  late: () => Error,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const outOfTime = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), deadlineMs);
  });
  try {
    return await Promise.race([work, outOfTime]);
  } finally {
    clearTimeout(timer);
  }
}
