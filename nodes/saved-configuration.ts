/** A node's properties as a flow holds them, written by this version of the package or an older one. */
type SavedConfiguration = Record<string, unknown>;

/** Makes a configuration of the next version out of one of the version before. The first one starts at version 0. */
export type Migration = (saved: SavedConfiguration) => SavedConfiguration;

/** A migration that gives new properties their values; the editor has them already, as undefined. */
export function added(properties: SavedConfiguration): Migration {
  return (saved) => {
    const missing = Object.entries(properties).filter(([name]) => saved[name] === undefined);
    return { ...saved, ...Object.fromEntries(missing) };
  };
}

/**
 * A saved configuration as this version writes it. `version` counts the migrations that it has been through; flows from
 * before a node's first migration carry none. One that a newer package has written is left as it is.
 */
export function migrate<T extends object>(saved: T, migrations: readonly Migration[]): T {
  const { version } = saved as SavedConfiguration;
  const done = Number.isInteger(version) && (version as number) >= 0 ? (version as number) : 0;
  if (done >= migrations.length) return saved;
  let current = { ...saved } as SavedConfiguration;
  for (const migration of migrations.slice(done)) current = migration(current);
  return { ...current, version: migrations.length } as unknown as T;
}
