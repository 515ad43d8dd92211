// Package config reads the settings of a process into a typed struct:
// defaults < file < environment < flag.
package config

import (
	"cmp"
	_ "embed" // keys.txt
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/certs"
)

// Environments that settings differ in; the third is dev.
const (
	Demo = "demo"
	Prod = "prod"
)

// Common holds the settings that every process has. Embed it.
type Common struct {
	Environment       string          `env:"ENVIRONMENT" enum:"demo,dev,prod" default:"dev" help:"demo: no database; dev: everything; prod: secured."`
	LogLevel          string          `env:"LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"The least level that is logged."`
	LogFormat         string          `env:"LOG_FORMAT" enum:"text,json" default:"text" help:"How a log line looks."`
	MaxInFlight       int             `env:"MAX_IN_FLIGHT" default:"1024" help:"How many requests of one row, or none, are answered at once; more are refused."`
	MaxConnections    int             `env:"MAX_CONNECTIONS" default:"2000" help:"How many connections there may be at each address, and at most a third of the descriptors; idle ones are closed for new ones."`
	ShutdownDelay     time.Duration   `env:"SHUTDOWN_DELAY" default:"0s" help:"How long requests are still taken after a signal, for balancers to hear that no more should come; 5s in a cluster."`
	ConfigFile        string          `env:"CONFIG_FILE" help:"A file of KEY=value lines; outside prod .env is read if it is there."`
	Access            access.Settings `embed:""`
	TLS               certs.Settings  `embed:""`
	AllowInsecureBind bool            `env:"ALLOW_INSECURE_BIND" help:"Allow an address other than loopback while authentication is off."`
}

// keyList has the settings of the whole deployment, one to a line, read from the tags of
// the programs' settings; `make generate` writes it.
//
//go:embed keys.txt
var keyList string

// keys are the settings of the whole deployment: its processes share one file,
// so a key in it that none of them knows is a slip of the pen.
var keys = strings.Fields(keyList)

// renamed are settings of earlier versions. One that is still set is refused: what it
// meant would be passed over without a word.
var renamed = map[string]string{
	"OUTBOX_MOST_MIB": "OUTBOX_MAX_MIB", "OUTBOX_OLDEST_AGE": "OUTBOX_MAX_AGE", "MODEL_MOST_LOADED": "MODEL_MAX_LOADED",
}

// Keys returns the settings of the whole deployment.
func Keys() []string { return slices.Clone(keys) }

// Main runs a program: it fills cli, a struct with kong tags, and runs the command that was
// asked for. When either fails it says why and ends the process.
func Main(name, description string, cli any) {
	command, err := Parse(name, description, cli, os.Args[1:])
	if err == nil {
		err = command.Run(cli)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// Parse fills cli, a struct with kong tags, from the settings, and returns the
// command that was asked for. An unknown key or a bad value is an error that
// names it.
func Parse(name, description string, cli any, args []string) (*kong.Context, error) {
	if err := loadFile(args); err != nil {
		return nil, err
	}
	for old, now := range renamed {
		if _, set := os.LookupEnv(old); set {
			return nil, fmt.Errorf("%s is %s now", old, now)
		}
	}
	parser, err := kong.New(cli, kong.Name(name), kong.Description(description))
	if err != nil {
		return nil, fmt.Errorf("describe the settings: %w", err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return nil, errors.New(nameKeys(err.Error()))
	}
	return command, nil
}

// Bound refuses a value that is not from low to high.
func Bound[T cmp.Ordered](key string, value, low, high T) error {
	if value >= low && value <= high {
		return nil
	}
	return fmt.Errorf("%s: %v is not from %v to %v", key, value, low, high)
}

// CheckCommon refuses what is out of bounds.
func (c *Common) CheckCommon() error {
	const maxInFlight, maxShutdownDelay = 1_000_000, 10 * time.Second // with the drain a process ends within 30 s
	return errors.Join(
		Bound("MAX_IN_FLIGHT", c.MaxInFlight, 1, maxInFlight),
		Bound("MAX_CONNECTIONS", c.MaxConnections, 1, maxInFlight),
		Bound("SHUTDOWN_DELAY", c.ShutdownDelay, 0, maxShutdownDelay),
		checkTimeZone(),
		c.TLS.Check(),
		c.Access.Check(),
	)
}

// Secured is what the settings of who may do what, and of encryption, lead to.
type Secured struct {
	access.Opened

	Certificates *certs.Files // between the programs; nil: nothing is encrypted
}

// Secure reads keys and certificates. Close the certificates at the end.
func (c *Common) Secure() (Secured, error) {
	certificates, err := c.TLS.Open()
	if err != nil {
		return Secured{}, err //nolint:wrapcheck // it names the keys
	}
	who, err := c.Access.Open()
	if err != nil {
		certificates.Close()
		return Secured{}, err //nolint:wrapcheck // it names the key
	}
	return Secured{who, certificates}, nil
}

// CheckProd refuses to serve in prod without what it must not be without.
func (c *Common) CheckProd() error {
	if c.Environment != Prod {
		return nil
	}
	var missing []error
	if c.Access.Auth != "on" {
		missing = append(missing, errors.New("AUTH: prod needs on"))
	}
	if !c.TLS.Set() {
		missing = append(missing, errors.New("TLS_CERT_FILE: prod needs certificates between the programs"))
	}
	if strings.HasPrefix(c.Access.OIDCIssuer, "http://") {
		missing = append(missing, errors.New("OIDC_ISSUER: prod needs one with https"))
	}
	return errors.Join(missing...)
}

// HasDatabase says whether a process uses persistence at that address: the demo has none.
func (c *Common) HasDatabase(target string) bool { return c.Environment != Demo && target != "" }

// CheckBind refuses an address that others can reach while nothing guards it, or while what
// they say there is not encrypted.
func (c *Common) CheckBind(key, addr string, encrypted bool) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return fmt.Errorf("%s: %q is not host:port", key, addr)
	}
	if IsLoopback(addr) || c.AllowInsecureBind || encrypted && c.Access.Auth == "on" {
		return nil
	}
	why := "authentication is off"
	if c.Access.Auth == "on" {
		why = "nothing is encrypted there"
	}
	return fmt.Errorf("%s: %q is reachable from outside while %s; "+
		"set ALLOW_INSECURE_BIND=true if that is what you want", key, addr, why)
}

// CheckTarget refuses what is no address of a service of ours: host:port, or a name of
// gRPC's, such as dns:///host:port. "": there is no such service.
func CheckTarget(key, target string) error {
	scheme, _, named := strings.Cut(target, ":")
	if target == "" || named && slices.Contains([]string{"dns", "unix", "passthrough", "ipv4", "ipv6", "xds"}, scheme) {
		return nil
	}
	host, port, err := net.SplitHostPort(target)
	if number, wrong := strconv.Atoi(port); err != nil || wrong != nil || host == "" || number < 1 || number > math.MaxUint16 {
		return fmt.Errorf("%s: %q is not host:port", key, target)
	}
	return nil
}

// CheckHosts refuses what is no name or address of a host: one with a scheme or a port stands
// for none.
func CheckHosts(key string, hosts []string) error {
	var failed error
	for _, host := range hosts {
		if net.ParseIP(host) == nil && !hostName.MatchString(host) {
			failed = errors.Join(failed, fmt.Errorf("%s: %q is not the name of a host, such as hr.example.com", key, host))
		}
	}
	return failed
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// checkTimeZone refuses a TZ that this machine does not know: Go would take UTC in silence.
func checkTimeZone() error {
	zone := strings.TrimPrefix(os.Getenv("TZ"), ":")
	if zone == "" || filepath.IsAbs(zone) {
		return nil
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return fmt.Errorf("TZ: %w", err)
	}
	return nil
}

// IsLoopback says whether only this machine reaches an address, host:port.
func IsLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

var flagName = regexp.MustCompile(`--[a-z][a-z-]+`)

// nameKeys puts the environment's name before each flag in a message, because
// that is what most people set.
func nameKeys(message string) string {
	return flagName.ReplaceAllStringFunc(message, func(flag string) string {
		key := strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(flag, "--"), "-", "_"))
		if !slices.Contains(keys, key) {
			return flag
		}
		return key + " (" + flag + ")"
	})
}
