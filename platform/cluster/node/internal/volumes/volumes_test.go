package volumes_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	core "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"

	"tinyolly.dev/platform/cluster/node/internal/volumes"
)

func TestAVolumeIsAFolderOnTheNodeAndGoesWithIt(t *testing.T) {
	folder := t.TempDir()
	provisioner := volumes.Provisioner{Folder: folder, Node: "one"}
	policy := core.PersistentVolumeReclaimDelete
	size := core.ResourceList{core.ResourceStorage: resource.MustParse("1Gi")}
	made, state, err := provisioner.Provision(t.Context(), controller.ProvisionOptions{
		PVName:       "pvc-1",
		StorageClass: &storage.StorageClass{ReclaimPolicy: &policy},
		PVC: &core.PersistentVolumeClaim{Spec: core.PersistentVolumeClaimSpec{
			AccessModes: []core.PersistentVolumeAccessMode{core.ReadWriteOnce},
			Resources:   core.VolumeResourceRequirements{Requests: size},
		}},
	})
	if err != nil || state != controller.ProvisioningFinished {
		t.Fatalf("state %v, error %v", state, err)
	}
	path := filepath.Join(folder, "pvc-1")
	want := &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: "pvc-1"},
		Spec: core.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: policy,
			AccessModes:                   []core.PersistentVolumeAccessMode{core.ReadWriteOnce},
			Capacity:                      size,
			PersistentVolumeSource:        core.PersistentVolumeSource{Local: &core.LocalVolumeSource{Path: path}},
			NodeAffinity: &core.VolumeNodeAffinity{Required: &core.NodeSelector{
				NodeSelectorTerms: []core.NodeSelectorTerm{{MatchExpressions: []core.NodeSelectorRequirement{
					{Key: "kubernetes.io/hostname", Operator: "In", Values: []string{"one"}},
				}}},
			}},
		},
	}
	if !reflect.DeepEqual(made, want) {
		t.Errorf("got %+v", made)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("the folder has mode %v, error %v", info.Mode(), err)
	}

	if err := os.WriteFile(filepath.Join(path, "data"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := provisioner.Delete(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}
