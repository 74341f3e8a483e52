package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/sim"
)

// importOffline imports the world's dirty slips of paper and has likely matches looked for, which
// goes on while the demo is looked at. The files stay beside the data, to be imported elsewhere.
func (d *demo) importOffline(ctx context.Context, world *sim.World) error {
	dir := filepath.Join(d.cfg.Data, "offline")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	rows := int64(0)
	for _, file := range world.OfflineFiles() {
		path := filepath.Join(dir, file.Name)
		if err := writeOffline(path, file); err != nil {
			return err
		}
		for i, text := range file.Mappings {
			mapping, err := importer.ParseMapping([]byte(text))
			if err != nil {
				return err
			}
			summary, err := importer.Run(ctx, importer.Options{Server: d.server, Key: d.key, File: path, Mapping: mapping, Source: file.Sources[i], NoWait: true})
			if err != nil {
				return err
			}
			if i == 0 {
				rows += summary.Rows
			}
		}
	}
	fmt.Fprintf(d.out, "%d forms and receipts with mistakes are imported from %s; who wrote them is being looked for.\n", rows, dir)
	return d.call(ctx, http.MethodPost, "/api/v1/jobs", map[string]any{"kind": "linkage.match", "input": map[string]any{}}, nil)
}

func writeOffline(path string, file sim.OfflineFile) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Write(f), f.Close())
}
