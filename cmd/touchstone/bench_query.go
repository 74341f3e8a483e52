package main

import "github.com/spf13/cobra"

func newBenchQuery() *cobra.Command { return &cobra.Command{Use: "query"} }
