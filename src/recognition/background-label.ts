/** The label of what is to be ignored: a sound most like it is unknown. */
export const backgroundLabel = 'background';
