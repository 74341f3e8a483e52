package collect

// place is the object that the scanner is in, as far as the edge looks into it.
type place uint8

const (
	elsewhere       place = iota
	inBatch               // the envelope of a batch
	inEvents              // the value of "batch"
	inEvent               // an event
	inTraits              // its traits
	inContext             // its context
	inContextTraits       // context.traits
	inDevice              // context.device
)

// field is a value that the edge needs to know the place of.
type field uint8

const (
	fNone field = iota
	fBatch
	fWriteKey
	fSentAt
	fType
	fEvent
	fName
	fCategory
	fUserID
	fAnonymousID
	fPreviousID
	fGroupID
	fMessageID
	fTimestamp
	fOriginalTimestamp
	fProperties
	fTraits
	fTraitsEmail
	fTraitsPhone
	fContext
	fContextIP
	fContextUserAgent
	fContextTraits
	fContextEmail
	fContextPhone
	fExternalIDs
	fDevice
	fDeviceID
	fAdvertisingID
	fieldCount
)

// fieldNames are the paths used in messages.
var fieldNames = [fieldCount]string{
	fBatch: "batch", fWriteKey: "writeKey", fSentAt: "sentAt", fType: "type", fEvent: "event", fName: "name", fCategory: "category",
	fUserID: "userId", fAnonymousID: "anonymousId", fPreviousID: "previousId", fGroupID: "groupId", fMessageID: "messageId",
	fTimestamp: "timestamp", fOriginalTimestamp: "originalTimestamp", fProperties: "properties", fTraits: "traits",
	fTraitsEmail: "traits.email", fTraitsPhone: "traits.phone", fContext: "context", fContextIP: "context.ip",
	fContextUserAgent: "context.userAgent", fContextTraits: "context.traits", fContextEmail: "context.traits.email",
	fContextPhone: "context.traits.phone", fExternalIDs: "context.externalIds", fDevice: "context.device",
	fDeviceID: "context.device.id", fAdvertisingID: "context.device.advertisingId",
}

// lookup returns the field that key names in a place, and the place that its value is.
func lookup(at place, key []byte) (field, place) {
	switch at {
	case inEvent:
		return lookupEvent(key)
	case inContext:
		switch string(key) {
		case "ip":
			return fContextIP, elsewhere
		case "userAgent":
			return fContextUserAgent, elsewhere
		case "traits":
			return fContextTraits, inContextTraits
		case "device":
			return fDevice, inDevice
		case "externalIds":
			return fExternalIDs, elsewhere
		}
	case inTraits:
		switch string(key) {
		case "email":
			return fTraitsEmail, elsewhere
		case "phone":
			return fTraitsPhone, elsewhere
		}
	case inContextTraits:
		switch string(key) {
		case "email":
			return fContextEmail, elsewhere
		case "phone":
			return fContextPhone, elsewhere
		}
	case inDevice:
		switch string(key) {
		case "id":
			return fDeviceID, elsewhere
		case "advertisingId":
			return fAdvertisingID, elsewhere
		}
	case inBatch:
		switch string(key) {
		case "batch":
			return fBatch, inEvents
		case "writeKey":
			return fWriteKey, elsewhere
		case "sentAt":
			return fSentAt, elsewhere
		case "context":
			return fContext, inContext
		}
	}
	return fNone, elsewhere
}

func lookupEvent(key []byte) (field, place) {
	switch string(key) {
	case "type":
		return fType, elsewhere
	case "event":
		return fEvent, elsewhere
	case "name":
		return fName, elsewhere
	case "category":
		return fCategory, elsewhere
	case "userId":
		return fUserID, elsewhere
	case "anonymousId":
		return fAnonymousID, elsewhere
	case "previousId":
		return fPreviousID, elsewhere
	case "groupId":
		return fGroupID, elsewhere
	case "messageId":
		return fMessageID, elsewhere
	case "timestamp":
		return fTimestamp, elsewhere
	case "originalTimestamp":
		return fOriginalTimestamp, elsewhere
	case "sentAt":
		return fSentAt, elsewhere
	case "properties":
		return fProperties, elsewhere
	case "traits":
		return fTraits, inTraits
	case "context":
		return fContext, inContext
	case "writeKey":
		return fWriteKey, elsewhere
	}
	return fNone, elsewhere
}
