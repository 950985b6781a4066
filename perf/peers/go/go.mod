// SPDX-License-Identifier: MIT

module taskgroup-peers

go 1.26.0

require (
	github.com/alitto/pond/v2 v2.7.1
	github.com/go-kratos/kratos v1.0.1
	github.com/go-pkgz/syncs v1.3.2
	github.com/mdlayher/schedgroup v1.0.0
	github.com/neilotoole/errgroup v0.1.6
	github.com/panjf2000/ants/v2 v2.12.1
	github.com/sourcegraph/conc v0.3.0
	github.com/vardius/gollback v1.1.0
	golang.org/x/sync v0.24.0
)

require (
	go.uber.org/atomic v1.7.0 // indirect
	go.uber.org/multierr v1.9.0 // indirect
)
