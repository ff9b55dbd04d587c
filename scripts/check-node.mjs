// Says what is missing before npm says it less clearly. Must parse on old Node versions.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 11)) {
  console.error(
    `Node.js >= 20.11 is needed to install the packages, this is ${process.version}. They bring Node 24 along.`,
  );
  process.exit(1);
}
