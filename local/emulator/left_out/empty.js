module.exports = { Model: class {} }; // Azurite's classes for SQL derive from it when they are loaded
