// As most teams have it: CommonJS, and jsdom for the document.
module.exports = { testEnvironment: 'jsdom', testMatch: ['**/jest.spec.cjs'], transform: {} };
