import { type Migration, migrate } from '../saved-configuration.ts';

interface LoadedNode {
  type: string;
}

/** Gives nodes of flows that an older version has saved what they lack, before the editor checks or draws them. */
export function migrateOnLoad(type: string, migrations: readonly Migration[]): void {
  RED.events.on('nodes:add', (node: LoadedNode) => {
    if (node.type === type) Object.assign(node, migrate(node, migrations));
  });
}
