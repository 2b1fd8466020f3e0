// Package export_hydra_actor_lifecycle is where the generated exports call into the SDK: package hydra sets the functions.
package export_hydra_actor_lifecycle

import (
	"hydra-sdk/internal/bindings/imports/hydra_actor_types"
	"hydra-sdk/internal/wit/types"
)

// Set by hydra.Export.
var (
	RunActivated = func() {}
	RunMigrate   func(fromVersion uint32, state []byte) wit_types.Result[[]byte, hydra_actor_types.Fault]
	RunDescribe  = func() string { return "" }
)

// Activated is called by the generated export.
func Activated() { RunActivated() }

// Migrate is called by the generated export.
func Migrate(fromVersion uint32, state []byte) wit_types.Result[[]byte, hydra_actor_types.Fault] {
	if RunMigrate == nil {
		return wit_types.Ok[[]byte, hydra_actor_types.Fault](state)
	}
	return RunMigrate(fromVersion, state)
}

// Describe is called by the generated export.
func Describe() string { return RunDescribe() }
