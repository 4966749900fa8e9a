"""What came of patrol rounds, for people: as JSON, XLSX and PDF."""
