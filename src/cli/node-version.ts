/** As package.json's `engines` has it. */
const [leastMajor, leastMinor] = [22, 9];

/** Why this Node cannot run Earmark, and what to do; undefined where it can. */
export function nodeTooOld(version = process.versions.node): string | undefined {
  const [major, minor] = version.split('.').map(Number) as [number, number];
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return undefined;
  return `Node.js ${version} is too old. Install Node.js ${leastMajor}.${leastMinor} or newer, best 24.`;
}
