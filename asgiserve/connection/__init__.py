"""Connections: codecs and cycles joined to an asyncio transport."""
