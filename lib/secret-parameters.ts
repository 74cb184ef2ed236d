// The parameters of paths and queries whose values are secret: playback keys and passwords.

/**
 * A parameter may begin after `_`, as in `/user=admin_password=abc_channel=1.sdp`, where nothing tells where
 * the password ends.
 */
export const SECRET_PARAMETERS = /(?<![a-z0-9])(pbkey|key|password|passwd|pass|pwd|token)=[^&\s"'<>;]*/gi;
