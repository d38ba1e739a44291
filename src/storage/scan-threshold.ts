/** Below so many patterns a scan is as fast as the graph, and exact. Measured by `bench storage`. */
export const scanBelow = 12_000;
