package main

import "github.com/futurisys/futurisys/services/platform/telemetry"

type healthCommand struct{}

// Run asks the program that runs with these settings whether it is ready.
func (healthCommand) Run(s *settings) error { return telemetry.Probe(s.GatewayAdminAddr) } //nolint:wrapcheck // it says all there is to say
