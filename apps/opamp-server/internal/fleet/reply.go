package fleet

import (
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"
)

// An agent that is not admitted, or sends too much, is told to come again so much later.
const retryAfter = 30 * time.Second

func newReply(uid []byte, offer *protobufs.AgentRemoteConfig) *protobufs.ServerToAgent {
	return &protobufs.ServerToAgent{
		InstanceUid:  uid,
		RemoteConfig: offer,
		Capabilities: uint64(protobufs.ServerCapabilities_ServerCapabilities_AcceptsStatus |
			protobufs.ServerCapabilities_ServerCapabilities_OffersRemoteConfig |
			protobufs.ServerCapabilities_ServerCapabilities_AcceptsEffectiveConfig),
	}
}

// identifyAnew gives a new instance UID to an agent that asked for one, or that has the UID of another agent.
func identifyAnew(message *protobufs.AgentToServer) *protobufs.ServerToAgent {
	id, err := uuid.NewV7()
	if err != nil {
		return unavailable(message, "no instance UID could be made: "+err.Error())
	}
	reply := newReply(message.InstanceUid, nil)
	reply.AgentIdentification = &protobufs.AgentIdentification{NewInstanceUid: id[:]}
	return reply
}

func refuse(message *protobufs.AgentToServer, kind protobufs.ServerErrorResponseType, reason string) *protobufs.ServerToAgent {
	return &protobufs.ServerToAgent{
		InstanceUid:   message.InstanceUid,
		ErrorResponse: &protobufs.ServerErrorResponse{Type: kind, ErrorMessage: reason},
	}
}

func unavailable(message *protobufs.AgentToServer, reason string) *protobufs.ServerToAgent {
	reply := refuse(message, protobufs.ServerErrorResponseType_ServerErrorResponseType_Unavailable, reason)
	reply.ErrorResponse.Details = &protobufs.ServerErrorResponse_RetryInfo{
		RetryInfo: &protobufs.RetryInfo{RetryAfterNanoseconds: uint64(retryAfter)},
	}
	return reply
}
