// Package export_hydra_actor_handler is where the generated exports call into the SDK: package hydra sets Run.
package export_hydra_actor_handler

import (
	"hydra-sdk/internal/bindings/imports/hydra_actor_types"
	"hydra-sdk/internal/wit/types"
)

// Run handles one message; set by hydra.Export.
var Run func(hydra_actor_types.Message) wit_types.Result[hydra_actor_types.Outcome, hydra_actor_types.Failure]

// Handle is called by the generated export.
func Handle(msg hydra_actor_types.Message) wit_types.Result[hydra_actor_types.Outcome, hydra_actor_types.Failure] {
	if Run == nil {
		panic("no actor: call hydra.Export in func init of package main")
	}
	return Run(msg)
}
