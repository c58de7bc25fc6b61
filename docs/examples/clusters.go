// Command clusters makes a compute cluster in Azure Machine Learning, changes it, looks at it and deletes it, with
// Microsoft's SDK for Go.
//
// Nothing in it knows whether it talks to Azure or to an emulator. The environment decides that: AZURE_AUTHORITY_HOST,
// AZURE_RESOURCE_MANAGER and AZURE_RESOURCE_MANAGER_AUDIENCE name a cloud of one's own, and without them it is the public
// one; see "With Microsoft's SDK for Go" in docs/emulator.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"
)

const name = "cpu-cluster"

// The SDK itself would ask every 30 seconds.
var wait = &runtime.PollUntilDoneOptions{Frequency: 5 * time.Second}

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// options says which cloud it is.
func options() policy.ClientOptions {
	endpoint := os.Getenv("AZURE_RESOURCE_MANAGER")
	if endpoint == "" {
		return policy.ClientOptions{Cloud: cloud.AzurePublic}
	}
	manager := cloud.ServiceConfiguration{Endpoint: endpoint, Audience: os.Getenv("AZURE_RESOURCE_MANAGER_AUDIENCE")}
	return policy.ClientOptions{Cloud: cloud.Configuration{
		ActiveDirectoryAuthorityHost: os.Getenv("AZURE_AUTHORITY_HOST"),
		Services:                     map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: manager},
	}}
}

func run(ctx context.Context) error {
	options := options()
	credential, err := azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{
		ClientOptions: options,
		// Microsoft's directory of clouds does not know one of one's own.
		DisableInstanceDiscovery: os.Getenv("AZURE_RESOURCE_MANAGER") != "",
	})
	if err != nil {
		return err
	}
	group, workspace := os.Getenv("RESOURCE_GROUP"), os.Getenv("WORKSPACE")
	clients, err := ml.NewClientFactory(os.Getenv("SUBSCRIPTION_ID"), credential, &arm.ClientOptions{ClientOptions: options})
	if err != nil {
		return err
	}
	found, err := clients.NewWorkspacesClient().Get(ctx, group, workspace, nil)
	if err != nil {
		return err
	}
	computes := clients.NewComputeClient()

	var refused *azcore.ResponseError
	if _, err := computes.Get(ctx, group, workspace, name, nil); err == nil {
		return fmt.Errorf("%s is there already", name)
	} else if !errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound {
		return err
	}
	// Both a create and a change are a PUT.
	for _, nodes := range []int32{4, 2} {
		poller, err := computes.BeginCreateOrUpdate(ctx, group, workspace, name, cluster(*found.Location, nodes), nil)
		if err != nil {
			return err
		}
		made, err := poller.PollUntilDone(ctx, wait)
		if err != nil {
			return err
		}
		if err := show(made.ComputeResource); err != nil {
			return err
		}
	}
	for pager := computes.NewListPager(group, workspace, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, compute := range page.Value {
			fmt.Printf("%s is of type %s\n", *compute.Name, *compute.Properties.GetCompute().ComputeType)
		}
	}
	poller, err := computes.BeginDelete(ctx, group, workspace, name, ml.UnderlyingResourceActionDelete, nil)
	if err != nil {
		return err
	}
	if _, err := poller.PollUntilDone(ctx, wait); err != nil {
		return err
	}
	if _, err := computes.Get(ctx, group, workspace, name, nil); errors.As(err, &refused) {
		fmt.Printf("after the delete a GET is answered with %d\n", refused.StatusCode)
		return nil
	}
	return fmt.Errorf("%s is still there after its delete", name)
}

// cluster is what is wanted: so many small machines at most, and none while there is nothing to do.
func cluster(location string, nodes int32) ml.ComputeResource {
	return ml.ComputeResource{
		Location: to.Ptr(location),
		Properties: &ml.AmlCompute{
			ComputeType: to.Ptr(ml.ComputeTypeAmlCompute),
			Properties: &ml.AmlComputeProperties{
				VMSize:     to.Ptr("STANDARD_DS3_V2"),
				VMPriority: to.Ptr(ml.VMPriorityDedicated),
				ScaleSettings: &ml.ScaleSettings{
					MinNodeCount:                to.Ptr[int32](0),
					MaxNodeCount:                to.Ptr(nodes),
					NodeIdleTimeBeforeScaleDown: to.Ptr("PT120S"),
				},
			},
		},
	}
}

// show prints what the service says of a cluster.
func show(compute ml.ComputeResource) error {
	cluster, is := compute.Properties.(*ml.AmlCompute)
	if !is {
		return fmt.Errorf("%s is no cluster", *compute.Name)
	}
	settings := cluster.Properties
	fmt.Printf("%s: %s, at most %d nodes, %s\n",
		*compute.Name, *settings.VMSize, *settings.ScaleSettings.MaxNodeCount, *cluster.ProvisioningState)
	return nil
}
