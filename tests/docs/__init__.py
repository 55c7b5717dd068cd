"""The pages that users read: docs/ and the README."""
