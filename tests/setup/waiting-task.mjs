// A task for scripts/setup.mjs that does nothing until it is ended.
console.log(`waiting ${process.pid}`);
setInterval(() => {}, 1000);
