const left = Object.keys(process.env).filter((name) => name.startsWith("AWS_") && process.env[name]);
console.log(`left behind: ${left.sort().join(" ")}`);
