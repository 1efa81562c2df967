// Package root gives a mount namespace a root of its own, which has little of the host in it.
package root

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Paths of the host that stay.
type Paths struct {
	// Written by what runs in the namespace.
	Written []string
	// Read only.
	Read []string
}

// The programs of the host, and the links beside them.
var programs = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

// What programs read, but for anything secret.
var settings = []string{
	"/etc/alternatives", "/etc/apparmor", "/etc/apparmor.d", "/etc/group", "/etc/hosts", "/etc/ld.so.cache",
	"/etc/localtime", "/etc/machine-id", "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd", "/etc/protocols",
	"/etc/resolv.conf", "/etc/services", "/etc/ssl/certs",
}

// Disks are not among them. The kubelet reads of lack of memory in the last one.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/kmsg"}

const mode = 0o755

// at is where the new root is made: a folder that every machine has, and nothing of which is wanted.
const at = "/proc"

// Enter makes a root in memory, and leaves all of the host but `paths` behind. What the namespace mounts does not reach
// the host, while what the host unmounts is not held here.
func Enter(paths Paths) error {
	if err := mount("", "/", "", syscall.MS_REC|syscall.MS_SLAVE, ""); err != nil {
		return err
	}
	if err := mount("tmpfs", at, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	root := tree(at)
	err := errors.Join(
		root.each(programs, root.show),
		root.each(settings, root.show),
		root.each(devices, root.keep),
		root.each([]string{"/sys"}, root.keep),
		root.fresh("/proc", "proc", ""),
		root.fresh("/dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=620"),
		root.fresh("/dev/shm", "tmpfs", "mode=1777"),
		root.fresh("/run", "tmpfs", "mode=755"),
		root.fresh("/tmp", "tmpfs", "mode=1777"),
		// They may be below the ones above.
		root.each(sorted(paths.Read), root.show),
		root.each(sorted(paths.Written), root.keep),
		os.MkdirAll(filepath.Join(at, "/var/log"), mode),
		os.Symlink("pts/ptmx", filepath.Join(at, "/dev/ptmx")),
	)
	if err != nil {
		return err
	}
	return pivot()
}

// tree is a folder that becomes a root.
type tree string

// each does the same with all paths that the host has.
func (t tree) each(paths []string, do func(path string, info fs.FileInfo) error) error {
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err == nil && info.Mode()&fs.ModeSymlink != 0 && !slices.Contains(programs, path) {
			info, err = os.Stat(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = do(path, info)
		}
		if err != nil {
			return fmt.Errorf("keep %s: %w", path, err)
		}
	}
	return nil
}

// show has folders read-only, and files and links as copies, since a mount would keep the host from replacing them.
func (t tree) show(path string, info fs.FileInfo) error {
	target := filepath.Join(string(t), path)
	if _, err := os.Lstat(target); err == nil && isBelow(path, programs) {
		return nil
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		link, err := os.Readlink(path)
		return errors.Join(err, os.Symlink(link, target))
	}
	if !info.IsDir() {
		content, err := os.ReadFile(path)
		return errors.Join(err, os.MkdirAll(filepath.Dir(target), mode), os.WriteFile(target, content, 0o644))
	}
	if err := t.keep(path, info); err != nil {
		return err
	}
	var status syscall.Statfs_t
	if err := syscall.Statfs(target, &status); err != nil {
		return err
	}
	// A bind mount that is remounted loses what it is not given.
	same := uintptr(status.Flags) & (syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC)
	return mount("", target, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY|same, "")
}

// keep has a file or folder as it is.
func (t tree) keep(path string, info fs.FileInfo) error {
	target := filepath.Join(string(t), path)
	if info.IsDir() {
		if err := os.MkdirAll(target, mode); err != nil {
			return err
		}
	} else if err := errors.Join(os.MkdirAll(filepath.Dir(target), mode), os.WriteFile(target, nil, 0o644)); err != nil {
		return err
	}
	return mount(path, target, "", syscall.MS_BIND|syscall.MS_REC, "")
}

// fresh mounts a file system of the namespace's own.
func (t tree) fresh(path, kind, options string) error {
	target := filepath.Join(string(t), path)
	if err := os.MkdirAll(target, mode); err != nil {
		return err
	}
	return mount(kind, target, kind, 0, options)
}

func pivot() error {
	if err := os.Chdir(at); err != nil {
		return err
	}
	// Both at one place: the old root is above the new one until it is detached.
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("take the new root: %w", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return os.Chdir("/")
}

func mount(source, target, kind string, flags uintptr, options string) error {
	if err := syscall.Mount(source, target, kind, flags, options); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}

// sorted has what holds others before them.
func sorted(paths []string) []string {
	all := slices.Clone(paths)
	slices.Sort(all)
	return slices.Compact(all)
}

func isBelow(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(path, folder+"/") })
}
