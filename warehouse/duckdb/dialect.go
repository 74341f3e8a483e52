package duckdb

type dialect struct{}

func (dialect) Name() string { return "duckdb" }
